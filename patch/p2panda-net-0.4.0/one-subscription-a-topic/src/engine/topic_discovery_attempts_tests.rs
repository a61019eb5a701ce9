// SPDX-License-Identifier: MIT OR Apache-2.0

//! Topic discovery over repeated attempts to join, of which one is answered.

use p2panda_core::PrivateKey;
use tokio::sync::mpsc;

use crate::NodeAddress;
use crate::engine::AddressBook;
use crate::engine::gossip::ToGossipActor;

use super::TopicDiscovery;

const NETWORK: [u8; 32] = [1; 32];

#[tokio::test]
async fn a_bootstrap_node_that_has_joined_announces_after_every_attempt() {
    let (mut discovery, mut gossip_rx) = discovery(true).await;
    discovery.start().await.unwrap();
    discovery.on_gossip_joined();

    for _ in 0..3 {
        discovery.start().await.unwrap();
        let key = PrivateKey::new();
        discovery.announce(vec![[2; 32]], &key).await.unwrap();
        let (joins, broadcasts) = asked_for(&mut gossip_rx);
        assert!(joins > 0);
        assert_eq!(broadcasts, 1, "its topics are not announced any more");
    }
}

#[tokio::test]
async fn a_node_asks_until_it_has_joined() {
    let (mut discovery, mut gossip_rx) = discovery(false).await;
    for _ in 0..3 {
        discovery.start().await.unwrap();
        assert_eq!(asked_for(&mut gossip_rx).0, 1, "nobody else is asked");
    }

    discovery.on_gossip_joined();
    discovery.start().await.unwrap();
    assert_eq!(asked_for(&mut gossip_rx).0, 0);
}

/// Topic discovery of a node that knows one peer.
async fn discovery(bootstrap: bool) -> (TopicDiscovery, mpsc::Receiver<ToGossipActor>) {
    let (gossip_tx, gossip_rx) = mpsc::channel(8);
    let mut address_book = AddressBook::new(NETWORK);
    let peer = NodeAddress::from_public_key(PrivateKey::new().public_key());
    address_book.add_peer(peer).await;
    let discovery = TopicDiscovery::new(NETWORK, gossip_tx, address_book, bootstrap);
    (discovery, gossip_rx)
}

/// How many joins and broadcasts the gossip actor was asked for since this was last called.
fn asked_for(gossip_rx: &mut mpsc::Receiver<ToGossipActor>) -> (usize, usize) {
    let (mut joins, mut broadcasts) = (0, 0);
    while let Ok(message) = gossip_rx.try_recv() {
        match message {
            ToGossipActor::Join { .. } => joins += 1,
            ToGossipActor::Broadcast { .. } => broadcasts += 1,
            _ => (),
        }
    }
    (joins, broadcasts)
}
