// SPDX-License-Identifier: MIT OR Apache-2.0

//! More to say than a gossip message carries.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use common::in_time;
use p2panda_net::{
    FromNetwork, Network, NetworkBuilder, NetworkId, NodeAddress, ToNetwork, TopicId,
};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::sleep;

const NETWORK: NetworkId = [1; 32];

/// How often topics are announced.
const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(2200);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Numbered(u8);

impl TopicQuery for Numbered {}

impl TopicId for Numbered {
    fn id(&self) -> [u8; 32] {
        [self.0; 32]
    }
}

const CHAT: Numbered = Numbered(255);

#[tokio::test]
async fn a_node_with_200_topics_and_200_subscriptions_to_one_is_still_heard() {
    let (ours, theirs) = pair().await;
    let (tx, _rx, ready) = ours.subscribe(CHAT).await.unwrap();
    let (_their_tx, mut their_rx, _) = theirs.subscribe(CHAT).await.unwrap();
    in_time(ready).await.unwrap();

    let mut subscriptions = Vec::new();
    for number in 2..202 {
        subscriptions.push(ours.subscribe(Numbered(number)).await.unwrap());
        subscriptions.push(ours.subscribe(CHAT).await.unwrap());
    }
    sleep(ANNOUNCE_INTERVAL * 2).await;
    tx.send(message(5)).await.unwrap();
    assert_eq!(heard(&mut their_rx).await, [0; 5]);

    // The last of them is known to the other one, who can join it.
    let (_tx, _rx, ready) = theirs.subscribe(Numbered(201)).await.unwrap();
    in_time(ready).await.unwrap();
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_comes_after_a_message_that_is_too_large_arrives() {
    let (ours, theirs) = pair().await;
    let (tx, _rx, ready) = ours.subscribe(CHAT).await.unwrap();
    let (_their_tx, mut their_rx, _) = theirs.subscribe(CHAT).await.unwrap();
    in_time(ready).await.unwrap();

    // Of 4096 bytes at most, 71 are not ours.
    tx.send(message(4096 - 71)).await.unwrap();
    assert_eq!(heard(&mut their_rx).await.len(), 4096 - 71);
    for bytes in [4096 - 70, 5000, 1_000_000] {
        tx.send(message(bytes)).await.unwrap();
    }
    tx.send(message(6)).await.unwrap();
    assert_eq!(heard(&mut their_rx).await, [0; 6]);
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

fn message(bytes: usize) -> ToNetwork {
    let bytes = vec![0; bytes];
    ToNetwork::Message { bytes }
}

async fn heard(rx: &mut mpsc::Receiver<FromNetwork>) -> Vec<u8> {
    match in_time(rx.recv()).await {
        Some(FromNetwork::GossipMessage { bytes, .. }) => bytes,
        other => panic!("expected a message, got {other:?}"),
    }
}

async fn pair() -> (Network<Numbered>, Network<Numbered>) {
    let (one, other) = (node().await, node().await);
    one.add_peer(address_of(&other).await).await.unwrap();
    other.add_peer(address_of(&one).await).await.unwrap();
    (one, other)
}

async fn node() -> Network<Numbered> {
    NetworkBuilder::new(NETWORK)
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .build()
        .await
        .unwrap()
}

async fn address_of(network: &Network<Numbered>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}
