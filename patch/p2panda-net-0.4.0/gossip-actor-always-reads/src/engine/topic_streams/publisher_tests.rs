// SPDX-License-Identifier: MIT OR Apache-2.0

//! Publishers that wait for the gossip actor.

use std::time::Duration;

use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::TopicId;
use crate::engine::AddressBook;
use crate::network::ToNetwork;

use super::TopicStreams;

#[tokio::test(start_paused = true)]
async fn a_publisher_that_waits_keeps_nobody_from_joining_or_from_a_reset() {
    let (gossip_tx, mut gossip_rx) = mpsc::channel(1);
    let mut streams = TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None);
    let (chat, files) = (topic("chat", 1), topic("files", 2));
    let publisher = subscribe(&mut streams, &chat).await;
    subscribe(&mut streams, &files).await;
    streams.on_gossip_joined(chat.id()).await;

    // One is in the gossip actor's inbox, another waits for room there.
    for number in 0..3 {
        publisher.send(message(number)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(gossip_rx.len(), 1);

    let engine = timeout(Duration::from_secs(60), async {
        streams.on_gossip_joined(files.id()).await;
        streams.move_joined_to_pending().await;
        streams.on_gossip_joined(chat.id()).await;
    });
    assert!(engine.await.is_ok(), "the engine waits for a publisher");

    for _ in 0..3 {
        let published = timeout(Duration::from_secs(60), gossip_rx.recv()).await;
        assert!(published.is_ok_and(|message| message.is_some()));
    }
}

fn topic(name: &str, id: u8) -> SyncTestTopic {
    let mut topic = SyncTestTopic::new(name);
    topic.1 = [id; 32];
    topic
}

fn message(number: u8) -> ToNetwork {
    let bytes = vec![number];
    ToNetwork::Message { bytes }
}

async fn subscribe(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
) -> mpsc::Sender<ToNetwork> {
    let (from_tx, _from_rx) = mpsc::channel(8);
    let (to_tx, to_rx) = mpsc::channel(8);
    let (ready_tx, _ready_rx) = oneshot::channel();
    let subscribed = streams.subscribe(topic.clone(), from_tx, to_rx, ready_tx);
    subscribed.await.unwrap();
    to_tx
}
