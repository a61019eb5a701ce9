//! What the integration tests share: nodes on loopback, topics, and waiting with a limit.

#![forbid(unsafe_code)]

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use p2panda_core::PrivateKey;
use p2panda_net::{Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};

/// The network that every test node is in.
pub const NETWORK_ID: [u8; 32] = [7; 32];

/// Longer than anything here takes on a slow machine; a test that reaches it has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A topic, by a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topic(pub u64);

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.0.to_be_bytes());
        id
    }
}

/// A builder for a node on loopback, with ports that the system chooses.
pub fn loopback() -> NetworkBuilder<Topic> {
    NetworkBuilder::new(NETWORK_ID)
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
}

/// The address at which a node on loopback can be reached.
pub fn address_of(node: &Network<Topic>) -> NodeAddress {
    let (v4, _) = node.endpoint().bound_sockets();
    NodeAddress {
        public_key: node.node_id(),
        direct_addresses: vec![v4],
        relay_url: None,
    }
}

/// The address of a peer that nobody is.
pub fn stranger(port: u16) -> NodeAddress {
    NodeAddress {
        public_key: PrivateKey::new().public_key(),
        direct_addresses: vec![(Ipv4Addr::LOCALHOST, port).into()],
        relay_url: None,
    }
}

/// What the future gives, if it does within [`PATIENCE`].
///
/// # Panics
/// With `what`, where it does not.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took longer than {PATIENCE:?}"),
    }
}
