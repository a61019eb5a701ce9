// SPDX-License-Identifier: MIT OR Apache-2.0

//! Listening to system events for a while.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use p2panda_net::{Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
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
async fn a_node_whose_event_receivers_were_dropped_joins_its_topics() {
    let (ours, theirs) = (node().await, node().await);
    drop(ours.events().await.unwrap());
    drop(ours.events().await.unwrap());

    let (_tx, _rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (_their_tx, _their_rx, _their_ready) = theirs.subscribe(Topic).await.unwrap();
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let joined = timeout(Duration::from_secs(30), ready).await;
    assert_eq!(joined, Ok(Ok(())), "the topic was not joined");
    assert!(ours.known_peers().await.is_ok(), "the engine has ended");

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
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
