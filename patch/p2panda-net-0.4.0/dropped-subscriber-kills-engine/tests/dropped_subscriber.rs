// SPDX-License-Identifier: MIT OR Apache-2.0

//! An application that only publishes on a topic.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use p2panda_net::{FromNetwork, Network, NetworkBuilder, NodeAddress, ToNetwork, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

#[tokio::test]
async fn a_stream_whose_receiver_was_dropped_still_publishes() {
    let (ours, theirs) = (node().await, node().await);
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (publisher, unread, _ready) = ours.subscribe(Topic).await.unwrap();
    drop(unread);
    let (_tx, mut rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, mut their_rx, their_ready) = theirs.subscribe(Topic).await.unwrap();
    let joined = timeout(Duration::from_secs(30), async {
        tokio::try_join!(ready, their_ready)
    });
    assert!(joined.await.is_ok_and(|joined| joined.is_ok()), "no join");

    their_tx.send(message(b"for whoever reads")).await.unwrap();
    assert_eq!(
        next(&mut rx).await.as_deref(),
        Some(&b"for whoever reads"[..])
    );

    publisher.send(message(b"from who does not")).await.ok();
    assert_eq!(
        next(&mut their_rx).await.as_deref(),
        Some(&b"from who does not"[..])
    );
    assert!(ours.known_peers().await.is_ok(), "the engine has ended");

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

fn message(bytes: &[u8]) -> ToNetwork {
    ToNetwork::Message {
        bytes: bytes.to_vec(),
    }
}

/// The next gossip message: `None` when the stream has ended, or none came in time.
async fn next(rx: &mut mpsc::Receiver<FromNetwork>) -> Option<Vec<u8>> {
    match timeout(Duration::from_secs(20), rx.recv()).await {
        Ok(Some(FromNetwork::GossipMessage { bytes, .. })) => Some(bytes),
        _ => None,
    }
}

async fn node() -> Network<Topic> {
    NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .build()
        .await
        .unwrap()
}

async fn address_of(network: &Network<Topic>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}
