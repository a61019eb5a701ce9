// SPDX-License-Identifier: MIT OR Apache-2.0

//! Applications that do not read.

use std::time::Duration;

use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::TopicId;
use crate::engine::AddressBook;
use crate::network::FromNetwork;

use super::TopicStreams;

/// As many messages as `Network::subscribe` gives a channel room for.
const CHANNEL: u32 = 128;

/// As many gossip messages as wait beyond that.
const BACKLOG: u32 = 1024;

#[tokio::test]
async fn a_subscriber_that_never_reads_does_not_hold_up_the_others() {
    let peer = PrivateKey::new().public_key();
    let mut streams = streams();
    let (read, unread) = (topic(2), topic(3));
    let mut reader = subscribe(&mut streams, &read).await;
    let _never_read = subscribe(&mut streams, &unread).await;

    for number in 0..5000 {
        gossip(&mut streams, &unread, number, peer).await;
        gossip(&mut streams, &read, number, peer).await;
        assert_eq!(reader.try_recv(), Ok(gossip_message(number, peer)));
    }
}

#[tokio::test]
async fn past_the_bound_the_oldest_gossip_messages_go_and_the_rest_keep_their_order() {
    let (topic, peer) = (topic(2), PrivateKey::new().public_key());
    let mut streams = streams();
    let mut from_rx = subscribe(&mut streams, &topic).await;
    let lost = 100;
    let all = CHANNEL + lost + BACKLOG;
    for number in 0..all {
        gossip(&mut streams, &topic, number, peer).await;
    }

    for number in (0..CHANNEL).chain(CHANNEL + lost..all) {
        assert_eq!(next(&mut from_rx).await, Some(gossip_message(number, peer)));
    }
    // The stall is over: a message arrives as soon as it is there.
    gossip(&mut streams, &topic, all, peer).await;
    assert_eq!(from_rx.try_recv(), Ok(gossip_message(all, peer)));
}

#[tokio::test]
async fn large_gossip_messages_go_past_four_mebibytes() {
    let (topic, peer) = (topic(2), PrivateKey::new().public_key());
    let mut streams = streams();
    let mut from_rx = subscribe(&mut streams, &topic).await;
    for number in 0..CHANNEL {
        gossip(&mut streams, &topic, number, peer).await;
    }
    for first in 0..6 {
        let bytes = vec![first; 1024 * 1024];
        gossip_bytes(&mut streams, &topic, bytes, peer).await;
    }

    for number in 0..CHANNEL {
        assert_eq!(next(&mut from_rx).await, Some(gossip_message(number, peer)));
    }
    for first in 2..6 {
        let message = next(&mut from_rx).await;
        let is_kept = matches!(message, Some(FromNetwork::GossipMessage { bytes, .. })
            if bytes.len() == 1024 * 1024 && bytes[0] == first);
        assert!(is_kept, "message {first} is missing");
    }
}

#[tokio::test]
async fn what_a_sync_session_brings_is_never_dropped_and_keeps_its_place_among_gossip() {
    let (topic, peer) = (topic(2), PrivateKey::new().public_key());
    let mut streams = streams();
    let mut from_rx = subscribe(&mut streams, &topic).await;
    let rounds = CHANNEL + 2 * BACKLOG;
    for number in 0..rounds {
        sync(&mut streams, &topic, number, peer).await;
        gossip(&mut streams, &topic, number, peer).await;
    }

    // The channel took the first of both kinds alike. Of the gossip after that, the newest is kept.
    let kept = (0..CHANNEL / 2).chain(rounds - BACKLOG..rounds);
    let mut kept = kept.peekable();
    for number in 0..rounds {
        assert_eq!(next(&mut from_rx).await, Some(sync_message(number, peer)));
        if kept.next_if_eq(&number).is_some() {
            assert_eq!(next(&mut from_rx).await, Some(gossip_message(number, peer)));
        }
    }
    assert!(from_rx.is_empty());
}

fn topic(id: u8) -> SyncTestTopic {
    let mut topic = SyncTestTopic::new("chat");
    topic.1 = [id; 32];
    topic
}

fn streams() -> TopicStreams<SyncTestTopic> {
    let (gossip_tx, _gossip_rx) = mpsc::channel(8);
    TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None)
}

/// Subscribes as `Network::subscribe` does, and joins the overlay.
async fn subscribe(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
) -> mpsc::Receiver<FromNetwork> {
    let (from_tx, from_rx) = mpsc::channel(CHANNEL as usize);
    let (_to_tx, to_rx) = mpsc::channel(8);
    let (ready_tx, _ready_rx) = oneshot::channel();
    let subscribed = streams.subscribe(topic.clone(), from_tx, to_rx, ready_tx);
    subscribed.await.unwrap();
    streams.on_gossip_joined(topic.id()).await;
    from_rx
}

async fn gossip(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
    number: u32,
    peer: PublicKey,
) {
    gossip_bytes(streams, topic, number.to_be_bytes().into(), peer).await;
}

async fn gossip_bytes(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
    bytes: Vec<u8>,
    peer: PublicKey,
) {
    let message = streams.on_gossip_message(topic.id(), bytes, peer);
    let handed_on = timeout(Duration::from_secs(20), message).await;
    assert!(handed_on.is_ok(), "the engine waits for an application");
}

async fn sync(
    streams: &mut TopicStreams<SyncTestTopic>,
    topic: &SyncTestTopic,
    number: u32,
    peer: PublicKey,
) {
    let header = number.to_be_bytes().into();
    let message = streams.on_sync_message(topic.clone(), header, None, peer);
    let handed_on = timeout(Duration::from_secs(20), message).await;
    assert!(handed_on.is_ok(), "the engine waits for an application");
}

fn gossip_message(number: u32, peer: PublicKey) -> FromNetwork {
    FromNetwork::GossipMessage {
        bytes: number.to_be_bytes().into(),
        delivered_from: peer,
    }
}

fn sync_message(number: u32, peer: PublicKey) -> FromNetwork {
    FromNetwork::SyncMessage {
        header: number.to_be_bytes().into(),
        payload: None,
        delivered_from: peer,
    }
}

async fn next(from_rx: &mut mpsc::Receiver<FromNetwork>) -> Option<FromNetwork> {
    let next = timeout(Duration::from_secs(20), from_rx.recv()).await;
    next.expect("a message is missing")
}
