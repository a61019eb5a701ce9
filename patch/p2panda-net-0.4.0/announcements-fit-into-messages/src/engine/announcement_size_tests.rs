// SPDX-License-Identifier: MIT OR Apache-2.0

//! Announcing many topics, and one topic many times.

use std::collections::HashSet;

use p2panda_core::PrivateKey;
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};

use crate::NodeAddress;
use crate::bytes::FromBytes;
use crate::engine::AddressBook;
use crate::engine::gossip::ToGossipActor;
use crate::engine::topic_streams::TopicStreams;
use crate::sync::manager::ToSyncActor;

use super::{TopicDiscovery, TopicDiscoveryMessage};

const NETWORK: [u8; 32] = [1; 32];

/// What gossip carries by default, 4096 bytes with what it puts around them.
const CONTENT_MAX: usize = 4000;

#[tokio::test]
async fn a_thousand_topics_are_announced_in_messages_that_gossip_carries() {
    let (mut discovery, mut gossip_rx) = discovery().await;
    discovery.start().await.unwrap();
    discovery.on_gossip_joined();
    let topic_ids: Vec<[u8; 32]> = (0..1000).map(|_| rand::random()).collect();
    let (key, expected) = (PrivateKey::new(), topic_ids.iter().copied().collect());
    discovery.announce(topic_ids, &key).await.unwrap();

    let mut announced = HashSet::new();
    while let Ok(message) = gossip_rx.try_recv() {
        let ToGossipActor::Broadcast { bytes, .. } = message else {
            continue;
        };
        assert!(bytes.len() < CONTENT_MAX + 50, "{} bytes", bytes.len());
        let message = TopicDiscoveryMessage::from_bytes(&bytes).unwrap();
        assert!(message.verify());
        announced.extend(message.topic_ids);
    }
    assert_eq!(announced, expected);
}

#[tokio::test]
async fn a_node_without_topics_still_says_that_it_is_there() {
    let (mut discovery, mut gossip_rx) = discovery().await;
    discovery.start().await.unwrap();
    discovery.on_gossip_joined();
    discovery
        .announce(vec![], &PrivateKey::new())
        .await
        .unwrap();

    let broadcasts = std::iter::from_fn(|| gossip_rx.try_recv().ok());
    let broadcasts = broadcasts.filter(|it| matches!(it, ToGossipActor::Broadcast { .. }));
    assert_eq!(broadcasts.count(), 1);
}

#[tokio::test]
async fn a_topic_with_200_subscriptions_is_announced_and_synced_as_one() {
    let (gossip_tx, _gossip_rx) = mpsc::channel(512);
    let (sync_tx, mut sync_rx) = mpsc::channel(512);
    let mut streams = TopicStreams::new(gossip_tx, AddressBook::new(NETWORK), Some(sync_tx));
    let topic = SyncTestTopic::new("chat");
    let mut halves = Vec::new();
    for _ in 0..200 {
        let (from_tx, from_rx) = mpsc::channel(1);
        let (to_tx, to_rx) = mpsc::channel(1);
        let (ready_tx, _ready_rx) = oneshot::channel();
        let subscribed = streams.subscribe(topic.clone(), from_tx, to_rx, ready_tx);
        subscribed.await.unwrap();
        halves.push((to_tx, from_rx));
    }
    assert_eq!(streams.topic_ids(), [topic.1]);

    let peer = PrivateKey::new().public_key();
    let discovered = streams.on_discovered_topic_ids(vec![topic.1], peer);
    discovered.await.unwrap();
    let asked = std::iter::from_fn(|| sync_rx.try_recv().ok());
    let asked = asked.filter(|it| matches!(it, ToSyncActor::Discovery { .. }));
    assert_eq!(asked.count(), 1);
}

/// Topic discovery of a node that knows one peer.
async fn discovery() -> (TopicDiscovery, mpsc::Receiver<ToGossipActor>) {
    let (gossip_tx, gossip_rx) = mpsc::channel(64);
    let mut address_book = AddressBook::new(NETWORK);
    let peer = NodeAddress::from_public_key(PrivateKey::new().public_key());
    address_book.add_peer(peer).await;
    let discovery = TopicDiscovery::new(NETWORK, gossip_tx, address_book, true);
    (discovery, gossip_rx)
}
