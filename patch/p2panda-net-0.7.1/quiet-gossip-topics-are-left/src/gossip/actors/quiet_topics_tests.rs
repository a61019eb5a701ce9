// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a topic can be left while nothing happens in it.
use std::time::Duration;

use p2panda_core::Topic;
use ractor::call;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use tokio::time::{sleep, timeout};

use crate::gossip::GossipConfig;
use crate::gossip::actors::{GossipManager, ToGossipManager};
use crate::test_utils::test_args;
use crate::{AddressBook, Endpoint};

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(20);

#[tokio::test]
async fn topics_without_any_other_node_are_left() {
    let args = test_args();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let endpoint = Endpoint::builder(address_book.clone())
        .config(args.iroh_config)
        .signing_key(args.signing_key)
        .spawn()
        .await
        .unwrap();
    let (manager, _handle) = GossipManager::spawn(
        None,
        (GossipConfig::default(), address_book, endpoint),
        ThreadLocalActorSpawner::new(),
    )
    .await
    .unwrap();

    for _ in 0..4 {
        let topic = Topic::random();
        call!(manager, ToGossipManager::Subscribe, topic, vec![]).unwrap();
        manager
            .send_message(ToGossipManager::Unsubscribe(topic))
            .unwrap();
    }

    let left = timeout(HANG_GUARD, async {
        while !manager.get_children().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(
        left.is_ok(),
        "{} of 4 sessions stay",
        manager.get_children().len()
    );
}
