//! Nodes as an application builds them, but on loopback and nowhere else.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use anyhow::{Context, Result};
use iroh::{Endpoint, RelayMode, SecretKey, endpoint};
use p2panda_core::PrivateKey;
use p2panda_net::{FromNetwork, Network, NetworkBuilder, NodeAddress, ToNetwork, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// A running node.
pub type Node = Network<Topic>;

/// What a run may watch.
pub type Watched = Node;

/// What a node is known by.
pub type Key = PrivateKey;

/// The network all nodes of a workload share; any value that is no topic will do.
pub const NETWORK: [u8; 32] = [0xee; 32];

/// What a workload subscribes to: nothing but an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topic(pub [u8; 32]);

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        self.0
    }
}

/// What is to be done whenever the runtime's clock may have jumped: nothing, as these nodes go by no other.
pub fn clock_may_have_jumped() {}

/// A node to be that hears loopback only, on ports that the system picks, and knows no relay and no discovery service.
///
/// One thing cannot be set from here: iroh's port mapper asks the machine's gateway and the local multicast group for a
/// port mapping. Only a network namespace keeps that in.
pub fn loopback(key: PrivateKey) -> NetworkBuilder<Topic> {
    loopback_in(NETWORK, key)
}

/// The same in a network of another id.
pub fn loopback_in(network: [u8; 32], key: PrivateKey) -> NetworkBuilder<Topic> {
    NetworkBuilder::new(network)
        .private_key(key)
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
}

/// A node that does nothing.
///
/// # Errors
///
/// When it cannot bind its sockets.
pub async fn idle(key: Key) -> Result<Node> {
    loopback(key).build().await
}

/// What a node says of itself, where the crates under load have such a thing.
///
/// # Errors
///
/// When it has stopped.
#[cfg(feature = "fork")]
pub async fn figures(node: &Watched) -> Result<Option<serde_json::Value>> {
    Ok(Some(serde_json::to_value(node.stats().await?)?))
}

#[cfg(not(feature = "fork"))]
pub async fn figures(_: &Watched) -> Result<Option<serde_json::Value>> {
    Ok(None)
}

/// A socket for a peer that is no p2panda node, on loopback alike.
///
/// # Errors
///
/// When it cannot be bound.
pub async fn endpoint(key: &PrivateKey) -> Result<Endpoint> {
    builder(key).bind().await
}

/// The same before it is bound.
pub fn builder(key: &PrivateKey) -> endpoint::Builder {
    Endpoint::builder()
        .secret_key(SecretKey::from_bytes(key.as_bytes()))
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
}

/// Peers in a book that is small enough to be full within a short run.
#[cfg(feature = "fork")]
const SMALL_BOOK: usize = 64;

/// Lets the node keep no more than a few dozen peers, where that can be set.
pub fn with_small_book(builder: NetworkBuilder<Topic>) -> NetworkBuilder<Topic> {
    #[cfg(feature = "fork")]
    let builder = builder.limits(p2panda_net::Limits::default().max_peers(SMALL_BOOK));
    builder
}

/// Where to reach the node.
///
/// # Errors
///
/// When it has stopped.
pub async fn address(node: &Node) -> Result<NodeAddress> {
    Ok(NodeAddress {
        public_key: node.node_id(),
        direct_addresses: node
            .direct_addresses()
            .await
            .context("the node has stopped")?,
        relay_url: None,
    })
}

/// Two new nodes that know where to find each other.
///
/// # Errors
///
/// When one of them cannot bind its sockets.
pub async fn pair(
    first: NetworkBuilder<Topic>,
    second: NetworkBuilder<Topic>,
) -> Result<(Node, Node)> {
    let (first, second) = (first.build().await?, second.build().await?);
    first.add_peer(address(&second).await?).await?;
    second.add_peer(address(&first).await?).await?;
    Ok((first, second))
}

/// Subscribes both nodes to a topic and waits until both are in its overlay: up to a few seconds of the runtime's clock,
/// until one has heard of the other's subscription and tries.
///
/// # Errors
///
/// When one of them stops.
pub async fn join(
    first: &Node,
    second: &Node,
    topic: Topic,
) -> Result<(Subscription, Subscription)> {
    let mut here = subscribe(first, topic).await?;
    let mut there = subscribe(second, topic).await?;
    tokio::try_join!(here.joined(), there.joined())?;
    Ok((here, there))
}

/// Subscribes to a topic without waiting for anybody to be there.
///
/// # Errors
///
/// When the node has stopped.
pub async fn subscribe(node: &Node, topic: Topic) -> Result<Subscription> {
    let (to_network, from_network, ready) = node.subscribe(topic).await?;
    Ok(Subscription {
        speaker: Speaker(to_network),
        listener: Listener {
            from_network,
            ready,
        },
    })
}

/// Both halves of a subscription to a topic.
pub struct Subscription {
    speaker: Speaker,
    listener: Listener,
}

impl Subscription {
    /// See [`Listener::joined`].
    pub async fn joined(&mut self) -> Result<()> {
        self.listener.joined().await
    }

    /// See [`Speaker::say`].
    pub async fn say(&self, bytes: &[u8]) -> Result<()> {
        self.speaker.say(bytes).await
    }

    /// Waits until somebody has said just that.
    ///
    /// # Errors
    ///
    /// When the node has ended the subscription.
    pub async fn hear(&mut self, said: &[u8]) -> Result<()> {
        loop {
            if let FromNetwork::GossipMessage { bytes, .. } = self.next().await?
                && bytes == said
            {
                return Ok(());
            }
        }
    }

    /// See [`Listener::next`].
    pub async fn next(&mut self) -> Result<FromNetwork> {
        self.listener.next().await
    }

    /// Drops what has arrived so far, and says how many messages of gossip that was. The untouched node stops over a
    /// subscription that nobody reads (slow-subscriber-stalls-node).
    pub fn ignore(&mut self) -> usize {
        let mut messages = 0;
        while let Ok(heard) = self.listener.from_network.try_recv() {
            messages += usize::from(matches!(heard, FromNetwork::GossipMessage { .. }));
        }
        messages
    }

    /// The halves, for who speaks and listens at the same time.
    pub fn split(self) -> (Speaker, Listener) {
        (self.speaker, self.listener)
    }
}

/// The half that speaks.
pub struct Speaker(mpsc::Sender<ToNetwork>);

impl Speaker {
    /// Says something on the topic.
    ///
    /// # Errors
    ///
    /// When the node has ended the subscription.
    pub async fn say(&self, bytes: &[u8]) -> Result<()> {
        let message = ToNetwork::Message {
            bytes: bytes.to_vec(),
        };
        self.0
            .send(message)
            .await
            .context("the node takes no more messages")
    }
}

/// The half that listens.
pub struct Listener {
    from_network: mpsc::Receiver<FromNetwork>,
    ready: oneshot::Receiver<()>,
}

impl Listener {
    /// Waits until the topic's overlay was joined. To be called until it has returned once; cancel safe.
    ///
    /// # Errors
    ///
    /// When the node has stopped, or forgotten to whom it owes the signal (ready-signal-lost).
    pub async fn joined(&mut self) -> Result<()> {
        (&mut self.ready)
            .await
            .context("the signal that the overlay was joined got lost")
    }

    /// What arrives next on the topic. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the node has ended the subscription.
    pub async fn next(&mut self) -> Result<FromNetwork> {
        self.from_network
            .recv()
            .await
            .context("the node has ended the subscription")
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::versions;

    #[test]
    fn the_manifest_names_the_releases_of_the_seed_line() {
        assert_eq!(versions()["iroh-gossip"], "0.34.1");
        assert_eq!(versions()["p2panda-net"], "0.4.0");
    }
}
