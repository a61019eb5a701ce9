// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tests of running nodes share: nodes on loopback, and addresses of nodes there are not.
#![allow(dead_code)]

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use p2panda_core::PrivateKey;
use p2panda_net::{Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

/// A node on loopback, with ports that the system chooses.
pub fn builder() -> NetworkBuilder<Topic> {
    NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
}

pub async fn address_of(network: &Network<Topic>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}

/// Port 9 is nobody's: a node must not need an answer to keep its book in order.
pub fn stranger() -> NodeAddress {
    let mut address = NodeAddress::from_public_key(PrivateKey::new().public_key());
    address.direct_addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9))];
    address
}

/// A test that waits has failed after half a minute.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("it takes longer than half a minute")
}
