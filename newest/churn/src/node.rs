//! Nodes as an application builds them, but on loopback and nowhere else.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::{PortmapperConfig, presets};
use iroh::protocol::Router;
use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey};
use iroh_gossip::ALPN;
use iroh_gossip::api::{GossipReceiver, GossipSender};
use iroh_gossip::net::Gossip;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use serde_json::{Value, json};

/// What a node is known by.
pub type Key = SecretKey;

/// What a run may watch.
pub type Watched = Swarm;

/// Nodes that gossip, all of which know where the others are.
#[derive(Clone)]
pub struct Swarm {
    pub nodes: Rc<[Gossiper]>,
}

/// A node that gossips.
pub struct Gossiper {
    pub endpoint: Endpoint,
    /// Where it looks for the addresses of others.
    pub addresses: MemoryLookup,
    gossip: Gossip,
    router: Router,
    /// How many neighbours it has, as its subscriptions were told.
    neighbours: Arc<AtomicUsize>,
}

/// A node that does nothing.
///
/// # Errors
///
/// When it cannot bind its socket.
pub async fn idle(key: Key) -> Result<Swarm> {
    Swarm::spawn([key], HyparviewConfig::default()).await
}

/// What the nodes hold of each other, all together: as many connections as there are links to neighbours, at best.
///
/// # Errors
///
/// Never; a node that has stopped holds nothing.
pub async fn figures(swarm: &Watched) -> Result<Option<Value>> {
    let connections: u64 = swarm.nodes.iter().map(Gossiper::connections).sum();
    let neighbours = swarm.nodes.iter().map(Gossiper::neighbours);
    let neighbours = neighbours.sum::<usize>() as u64;
    Ok(Some(json!({
        "connections": connections,
        "connections_beyond_links": connections.saturating_sub(neighbours),
        "neighbours": neighbours,
    })))
}

/// A socket on loopback, on a port that the system picks, which knows no relay and finds others in `addresses` alone.
///
/// # Errors
///
/// When it cannot be bound.
pub async fn endpoint(key: Key, addresses: MemoryLookup) -> Result<Endpoint> {
    let builder = Endpoint::builder(presets::Minimal)
        .secret_key(key)
        .relay_mode(RelayMode::Disabled)
        .address_lookup(addresses)
        .portmapper_config(PortmapperConfig::Disabled)
        .clear_ip_transports()
        .bind_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(builder.bind().await?)
}

impl Swarm {
    /// Starts a node a key.
    ///
    /// # Errors
    ///
    /// When one cannot bind its socket.
    pub async fn spawn(
        keys: impl IntoIterator<Item = Key>,
        membership: HyparviewConfig,
    ) -> Result<Self> {
        let addresses = MemoryLookup::new();
        let mut nodes = Vec::new();
        for key in keys {
            nodes.push(Gossiper::spawn(key, addresses.clone(), membership.clone()).await?);
        }
        for node in &nodes {
            addresses.add_endpoint_info(node.address());
        }
        Ok(Self {
            nodes: nodes.into(),
        })
    }

    /// Ends all of them.
    ///
    /// # Errors
    ///
    /// When one has failed.
    pub async fn shutdown(self) -> Result<()> {
        for node in self.nodes.iter() {
            node.router.shutdown().await.context("a node has failed")?;
        }
        Ok(())
    }
}

impl Gossiper {
    async fn spawn(key: Key, addresses: MemoryLookup, membership: HyparviewConfig) -> Result<Self> {
        let endpoint = endpoint(key, addresses.clone()).await?;
        let gossip = Gossip::builder()
            .membership_config(membership)
            .spawn(endpoint.clone());
        let router = Router::builder(endpoint.clone())
            .accept(ALPN, gossip.clone())
            .spawn();
        Ok(Self {
            endpoint,
            addresses,
            gossip,
            router,
            neighbours: Arc::default(),
        })
    }

    /// Where it can be reached.
    pub fn address(&self) -> EndpointAddr {
        let sockets = self.endpoint.bound_sockets().into_iter();
        let addr = EndpointAddr::new(self.endpoint.id());
        sockets.fold(addr, EndpointAddr::with_ip_addr)
    }

    /// Joins a topic by way of a node that is in it, and listens for as long as the node runs.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn join(&self, topic: TopicId, by: &[&Gossiper]) -> Result<GossipSender> {
        let by = by.iter().map(|node| node.endpoint.id()).collect();
        let topic = self.gossip.subscribe(topic, by).await?;
        let (sender, receiver) = topic.split();
        tokio::spawn(count(receiver, self.neighbours.clone()));
        Ok(sender)
    }

    /// How many connections it has open, whoever opened them.
    pub fn connections(&self) -> u64 {
        let metrics = &self.endpoint.metrics().socket;
        metrics.num_conns_opened.get() - metrics.num_conns_closed.get()
    }

    /// How many neighbours it has, in all its topics.
    pub fn neighbours(&self) -> usize {
        self.neighbours.load(Ordering::Relaxed)
    }
}

/// Reads a subscription to its end and keeps the count of its neighbours.
async fn count(mut receiver: GossipReceiver, neighbours: Arc<AtomicUsize>) {
    let mut known = 0;
    while let Some(Ok(_)) = receiver.next().await {
        let now = receiver.neighbors().count();
        neighbours.fetch_add(now.wrapping_sub(known), Ordering::Relaxed);
        known = now;
    }
    neighbours.fetch_sub(known, Ordering::Relaxed);
}
