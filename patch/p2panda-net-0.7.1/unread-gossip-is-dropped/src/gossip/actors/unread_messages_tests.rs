// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that the gossip manager outlives messages for which there is no reader.
use iroh_gossip::proto::DeliveryScope;
use p2panda_core::{SigningKey, Topic};
use ractor::call;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};

use crate::gossip::GossipConfig;
use crate::gossip::actors::{GossipManager, ToGossipManager};
use crate::test_utils::test_args;
use crate::{AddressBook, Endpoint};

#[tokio::test]
async fn a_message_for_a_topic_which_nobody_reads_is_dropped() {
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

    // We've joined the topic, but hold no receiver for its messages.
    let topic = Topic::random();
    let _senders = call!(manager, ToGossipManager::Subscribe, topic, vec![]).unwrap();
    let session_id = manager.get_children()[0].get_id();

    manager
        .send_message(ToGossipManager::ReceivedMessage {
            bytes: b"anybody there?".to_vec(),
            delivered_from: SigningKey::generate().verifying_key(),
            delivery_scope: DeliveryScope::Neighbors,
            topic,
            session_id,
        })
        .unwrap();

    assert!(
        call!(manager, ToGossipManager::Events).is_ok(),
        "the manager ended with the message"
    );
}
