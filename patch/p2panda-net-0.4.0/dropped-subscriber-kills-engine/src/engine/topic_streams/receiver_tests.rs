// SPDX-License-Identifier: MIT OR Apache-2.0

//! Streams whose receiving half the application has dropped.

use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};

use crate::TopicId;
use crate::engine::AddressBook;
use crate::network::FromNetwork;

use super::TopicStreams;

#[tokio::test]
async fn a_gossip_message_passes_dropped_receivers_and_reaches_the_others() {
    let (topic, peer) = topic_and_peer();
    let mut streams = streams();
    let dropped = subscribe(&mut streams, &topic).await;
    let mut kept = subscribe(&mut streams, &topic).await;
    streams.on_gossip_joined(topic.id()).await;
    drop(dropped);

    for bytes in [vec![1], vec![2]] {
        let message = streams.on_gossip_message(topic.id(), bytes.clone(), peer);
        assert!(message.await.is_ok(), "the engine ends");
        let expected = FromNetwork::GossipMessage {
            bytes,
            delivered_from: peer,
        };
        assert_eq!(kept.try_recv(), Ok(expected));
    }
}

#[tokio::test]
async fn a_sync_message_passes_dropped_receivers_and_reaches_the_others() {
    let (topic, peer) = topic_and_peer();
    let mut streams = streams();
    let dropped = subscribe(&mut streams, &topic).await;
    let mut kept = subscribe(&mut streams, &topic).await;
    drop(dropped);

    for header in [vec![1], vec![2]] {
        let message = streams.on_sync_message(topic.clone(), header.clone(), None, peer);
        assert!(message.await.is_ok(), "the engine ends");
        let expected = FromNetwork::SyncMessage {
            header,
            payload: None,
            delivered_from: peer,
        };
        assert_eq!(kept.try_recv(), Ok(expected));
    }
}

#[tokio::test]
async fn what_a_dropped_receiver_left_goes_with_the_next_message() {
    let (topic, peer) = topic_and_peer();
    let mut streams = streams();
    let (from_tx, from_rx) = mpsc::channel(8);
    let held = from_tx.downgrade();
    subscribe_with(&mut streams, &topic, from_tx).await;
    drop(from_rx);

    streams
        .on_sync_message(topic.clone(), vec![1], None, peer)
        .await
        .ok();
    assert!(held.upgrade().is_none(), "the sending half is still held");
    // Its publishing half may still be in use, so the topic is.
    assert_eq!(streams.topic_ids(), [topic.id()]);
}

fn topic_and_peer() -> (SyncTestTopic, PublicKey) {
    (SyncTestTopic::new("chat"), PrivateKey::new().public_key())
}

fn streams() -> TopicStreams<SyncTestTopic> {
    let (gossip_tx, _gossip_rx) = mpsc::channel(8);
    TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None)
}

async fn subscribe(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
) -> mpsc::Receiver<FromNetwork> {
    let (from_tx, from_rx) = mpsc::channel(8);
    subscribe_with(streams, topic, from_tx).await;
    from_rx
}

async fn subscribe_with(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
    from_tx: mpsc::Sender<FromNetwork>,
) {
    let (_to_tx, to_rx) = mpsc::channel(8);
    let (ready_tx, _ready_rx) = oneshot::channel();
    let subscribed = streams.subscribe(topic.clone(), from_tx, to_rx, ready_tx);
    subscribed.await.unwrap();
}
