// SPDX-License-Identifier: MIT OR Apache-2.0

//! Topic discovery while network interfaces change.

use p2panda_core::PrivateKey;
use tokio::sync::mpsc;
use tokio::task;

use crate::NodeAddress;
use crate::engine::AddressBook;
use crate::engine::gossip::ToGossipActor;

use super::TopicDiscovery;

const NETWORK: [u8; 32] = [1; 32];

#[tokio::test]
async fn a_join_from_before_a_reset_is_followed_by_another_attempt() {
    let (mut discovery, mut gossip_rx) = discovery().await;
    discovery.start().await.unwrap();
    assert_eq!(attempts(&mut gossip_rx), 1);

    discovery.reset_status().await;
    let late_join = task::spawn(async move {
        discovery.on_gossip_joined();
        discovery
    });
    let discovery = late_join.await.map_err(|err| err.is_panic());
    assert!(
        discovery.is_ok(),
        "the join panicked: {:?}",
        discovery.err()
    );

    // The interfaces which that join went through may be gone.
    let mut discovery = discovery.unwrap();
    discovery.start().await.unwrap();
    assert_eq!(attempts(&mut gossip_rx), 1);

    // The answer to this attempt ends it.
    discovery.on_gossip_joined();
    discovery.start().await.unwrap();
    assert_eq!(attempts(&mut gossip_rx), 0);
}

/// Topic discovery of an ordinary node that knows one peer.
async fn discovery() -> (TopicDiscovery, mpsc::Receiver<ToGossipActor>) {
    let (gossip_tx, gossip_rx) = mpsc::channel(8);
    let mut address_book = AddressBook::new(NETWORK);
    let peer = NodeAddress::from_public_key(PrivateKey::new().public_key());
    address_book.add_peer(peer).await;
    let discovery = TopicDiscovery::new(NETWORK, gossip_tx, address_book, false);
    (discovery, gossip_rx)
}

fn attempts(gossip_rx: &mut mpsc::Receiver<ToGossipActor>) -> usize {
    std::iter::from_fn(|| gossip_rx.try_recv().ok())
        .filter(|message| matches!(message, ToGossipActor::Join { .. }))
        .count()
}
