// SPDX-License-Identifier: MIT OR Apache-2.0

//! A running node's address book, filled through the public interface.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use p2panda_core::PrivateKey;
use p2panda_net::{Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

fn builder() -> NetworkBuilder<Topic> {
    NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
}

fn stranger() -> NodeAddress {
    let mut address = NodeAddress::from_public_key(PrivateKey::new().public_key());
    // Port 9 is nobody's: the node must not need an answer to keep its book in order.
    address.direct_addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9))];
    address
}

async fn add_strangers(network: &Network<Topic>, count: usize) {
    for _ in 0..count {
        network.add_peer(stranger()).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_is_told_of_thousands_of_peers_knows_a_bounded_number() {
    let network = builder().build().await.unwrap();
    add_strangers(&network, 2000).await;

    assert_eq!(network.known_peers().await.unwrap().len(), 1024);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_node_knows_the_peers_it_was_built_with_however_many_follow() {
    let configured = stranger();
    let network = builder()
        .direct_address(
            configured.public_key,
            configured.direct_addresses.clone(),
            None,
        )
        .build()
        .await
        .unwrap();
    add_strangers(&network, 1500).await;

    let known = network.known_peers().await.unwrap();
    assert!(known.contains(&configured));
    assert_eq!(known.len(), 1024);
    network.shutdown().await.unwrap();
}
