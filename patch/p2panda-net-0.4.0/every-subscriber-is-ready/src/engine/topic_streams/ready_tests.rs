// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who hears that an overlay has been joined.

use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};

use crate::TopicId;
use crate::engine::AddressBook;

use super::TopicStreams;

#[tokio::test]
async fn each_of_200_subscribers_is_told_when_their_overlay_is_joined() {
    let topic = SyncTestTopic::new("chat");
    let mut streams = streams();
    let mut waiting = Vec::new();
    for _ in 0..200 {
        waiting.push(subscribe(&mut streams, &topic).await);
    }

    streams.on_gossip_joined(topic.id()).await;
    let told = waiting.iter_mut().filter_map(|ready| ready.try_recv().ok());
    assert_eq!(told.count(), 200);
}

#[tokio::test]
async fn who_subscribes_to_a_joined_topic_is_told_at_once() {
    let topic = SyncTestTopic::new("chat");
    let mut streams = streams();
    subscribe(&mut streams, &topic).await;
    streams.on_gossip_joined(topic.id()).await;

    let mut ready = subscribe(&mut streams, &topic).await;
    assert_eq!(ready.try_recv(), Ok(()));
}

#[tokio::test]
async fn who_subscribes_after_a_reset_is_told_when_the_overlay_is_joined_again() {
    let topic = SyncTestTopic::new("chat");
    let mut streams = streams();
    let mut first = subscribe(&mut streams, &topic).await;
    streams.on_gossip_joined(topic.id()).await;
    assert_eq!(first.try_recv(), Ok(()));

    streams.move_joined_to_pending().await;
    let mut waiting = [
        subscribe(&mut streams, &topic).await,
        subscribe(&mut streams, &topic).await,
    ];
    streams.move_joined_to_pending().await;
    assert!(waiting.iter_mut().all(|ready| ready.try_recv().is_err()));

    streams.on_gossip_joined(topic.id()).await;
    assert_eq!(waiting.map(|mut ready| ready.try_recv()), [Ok(()), Ok(())]);
}

fn streams() -> TopicStreams<SyncTestTopic> {
    let (gossip_tx, _gossip_rx) = mpsc::channel(8);
    TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None)
}

async fn subscribe(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
) -> oneshot::Receiver<()> {
    let (from_tx, _from_rx) = mpsc::channel(8);
    let (_to_tx, to_rx) = mpsc::channel(8);
    let (ready_tx, ready_rx) = oneshot::channel();
    let subscribed = streams.subscribe(topic.clone(), from_tx, to_rx, ready_tx);
    subscribed.await.unwrap();
    ready_rx
}
