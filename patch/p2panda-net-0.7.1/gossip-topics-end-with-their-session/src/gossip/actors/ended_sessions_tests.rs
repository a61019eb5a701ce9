// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that the gossip manager keeps nothing of a topic whose session has ended.
use std::time::Duration;

use p2panda_core::{SigningKey, Topic};
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use ractor::{ActorRef, call};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::timeout;

use crate::gossip::GossipConfig;
use crate::gossip::actors::{GossipManager, ToGossipManager};
use crate::test_utils::test_args;
use crate::{AddressBook, Endpoint};

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(30);

async fn spawn_manager() -> ActorRef<ToGossipManager> {
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
    manager
}

#[tokio::test]
async fn a_session_which_ends_by_itself_closes_the_channels_of_its_topic() {
    let manager = spawn_manager().await;

    let (to_gossip_tx, from_gossip_tx) =
        call!(manager, ToGossipManager::Subscribe, Topic::random(), vec![]).unwrap();
    let mut from_gossip_rx = from_gossip_tx.subscribe();
    drop((to_gossip_tx, from_gossip_tx));

    manager.get_children()[0].stop(Some("lost connection to gossip overlay".into()));

    let result = timeout(HANG_GUARD, from_gossip_rx.recv()).await;
    assert_eq!(result, Ok(Err(RecvError::Closed)));
}

#[tokio::test]
async fn a_topic_which_was_left_is_not_joined_by_its_late_session() {
    let manager = spawn_manager().await;
    let topic = Topic::random();

    let _senders = call!(manager, ToGossipManager::Subscribe, topic, vec![]).unwrap();
    let session_id = manager.get_children()[0].get_id();
    manager
        .send_message(ToGossipManager::Unsubscribe(topic))
        .unwrap();
    let mut events = call!(manager, ToGossipManager::Events).unwrap();

    manager
        .send_message(ToGossipManager::Joined {
            topic,
            nodes: vec![SigningKey::generate().verifying_key()],
            session_id,
        })
        .unwrap();

    // The manager has processed the message above when it answers this one.
    call!(manager, ToGossipManager::Events).unwrap();
    assert_eq!(events.try_recv(), Err(TryRecvError::Empty));
}
