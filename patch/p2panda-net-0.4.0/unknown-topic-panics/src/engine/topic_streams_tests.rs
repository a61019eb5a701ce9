// SPDX-License-Identifier: MIT OR Apache-2.0

//! What topic streams survive.

use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::mpsc;
use tokio::task;

use crate::TopicId;
use crate::engine::AddressBook;

use super::TopicStreams;

#[tokio::test]
async fn a_sync_message_for_a_topic_without_a_stream_is_dropped() {
    let delivery = task::spawn(async {
        let mut streams = streams();
        let topic = SyncTestTopic::new("nobody's");
        let message = streams.on_sync_message(topic, vec![1], None, peer());
        message.await.is_ok()
    });
    let delivered = delivery.await.map_err(|err| err.is_panic());
    assert_eq!(delivered, Ok(true), "Err(true) is a panic");
}

#[tokio::test]
async fn a_gossip_message_for_a_topic_without_a_stream_is_dropped() {
    let delivery = task::spawn(async {
        let mut streams = streams();
        let topic = SyncTestTopic::new("left");
        // As after the last stream of a joined topic has ended.
        streams.gossip_joined.write().await.insert(topic.id());
        let message = streams.on_gossip_message(topic.id(), vec![1], peer());
        message.await.is_ok()
    });
    let delivered = delivery.await.map_err(|err| err.is_panic());
    assert_eq!(delivered, Ok(true), "Err(true) is a panic");
}

fn streams() -> TopicStreams<SyncTestTopic> {
    let (gossip_tx, _gossip_rx) = mpsc::channel(8);
    TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None)
}

fn peer() -> PublicKey {
    PrivateKey::new().public_key()
}
