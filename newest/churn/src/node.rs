//! Nodes as an application builds them, but on loopback and nowhere else.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::{PortmapperConfig, QuicTransportConfig, presets};
use iroh::protocol::Router;
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey};
use iroh_gossip::ALPN;
use iroh_gossip::api::{GossipReceiver, GossipSender, GossipTopic};
use iroh_gossip::net::Gossip;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::gossip::Overlay;
use crate::owed::owed;
use crate::run::Run;

/// Peers that [`Gossiper::seek_nobodies`] looks for: as many as the fork remembers of those that a node has no connection with.
const NOBODIES: usize = 4_096;

/// Connections after which a node keeps as many TLS sessions as it ever will: 256, two for each that it accepted.
const CONNECTIONS_BEFORE: usize = 128;

/// How many session tickets of others a node keeps: those of one. By default they are of 32, eight each, which takes thousands of
/// connections to fill. That is bounded, and not what is looked for here.
const TICKETS: usize = 8;

/// After that every dial has been given up, and nothing runs any more for a peer that has gone.
pub const SETTLED: Duration = Duration::from_secs(120);

/// What is to be done whenever the runtime's clock may have jumped.
pub use crate::clock::follow as clock_may_have_jumped;

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

/// What the nodes hold of each other, all together, and on how many of them connections and links are not the same.
///
/// # Errors
///
/// Never; a node that has stopped holds nothing.
pub async fn figures(swarm: &Watched) -> Result<Option<Value>> {
    let connections: u64 = swarm.nodes.iter().map(Gossiper::connections).sum();
    let links: u64 = swarm.nodes.iter().map(Gossiper::links).sum();
    Ok(Some(json!({
        "connections": connections,
        "links": links,
        "nodes_that_differ": swarm.nodes_that_differ().count(),
    })))
}

/// A socket on loopback, on a port that the system picks, which knows no relay and finds others in `addresses` alone.
///
/// # Errors
///
/// When it cannot be bound.
pub async fn endpoint(key: Key, addresses: MemoryLookup) -> Result<Endpoint> {
    endpoint_with(key, addresses, QuicTransportConfig::default()).await
}

/// The same, with these settings for its connections.
///
/// # Errors
///
/// When it cannot be bound.
pub async fn endpoint_with(
    key: Key,
    addresses: MemoryLookup,
    transport: QuicTransportConfig,
) -> Result<Endpoint> {
    let builder = Endpoint::builder(presets::Minimal)
        .secret_key(key)
        .relay_mode(RelayMode::Disabled)
        .address_lookup(addresses)
        .portmapper_config(PortmapperConfig::Disabled)
        .max_tls_tickets(TICKETS)
        .transport_config(transport)
        .clear_ip_transports()
        .bind_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(builder.bind().await?)
}

/// Where an endpoint can be reached.
pub fn address(endpoint: &Endpoint) -> EndpointAddr {
    let sockets = endpoint.bound_sockets().into_iter();
    let addr = EndpointAddr::new(endpoint.id());
    sockets.fold(addr, EndpointAddr::with_ip_addr)
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

    /// Starts so many nodes with keys of the run, which watches them from here on, lets them keep what they keep of connections,
    /// and has all of them join a topic. Whoever drops the senders leaves.
    ///
    /// # Errors
    ///
    /// As [`Self::spawn`] and [`Self::join_in_a_row`], and when a node cannot be reached.
    pub async fn in_a_topic(
        run: &mut Run,
        nodes: usize,
        membership: HyparviewConfig,
    ) -> Result<(Self, TopicId, Vec<GossipSender>)> {
        let keys: Vec<_> = (0..nodes).map(|_| run.key()).collect();
        let swarm = Self::spawn(keys, membership).await?;
        run.watch(&swarm);
        swarm.fill_sessions(run).await?;
        let topic = TopicId::from_bytes(run.random());
        let senders = swarm.join_in_a_row(topic).await?;
        Ok((swarm, topic, senders))
    }

    /// Has a stranger connect to each of them and leave, until none keeps any more sessions than before.
    async fn fill_sessions(&self, run: &mut Run) -> Result<()> {
        let stranger = endpoint(run.key(), MemoryLookup::new()).await?;
        // In turn, since two in a row would be one session.
        for _ in 0..CONNECTIONS_BEFORE {
            for node in self.nodes.iter() {
                let connection = stranger.connect(node.address(), ALPN).await?;
                connection.close(0u32.into(), b"");
            }
        }
        stranger.close().await;
        sleep(SETTLED).await;
        Ok(())
    }

    /// Has all of them join a topic, each by way of the one before it. Whoever drops what this gives leaves.
    ///
    /// # Errors
    ///
    /// When one has stopped.
    async fn join_in_a_row(&self, topic: TopicId) -> Result<Vec<GossipSender>> {
        let mut senders = Vec::new();
        let mut before = None;
        for node in self.nodes.iter() {
            senders.push(node.join(topic, before.as_slice()).await?);
            before = Some(node);
        }
        Ok(senders)
    }

    /// Checks that each node of the fork has a connection open for each link that its protocol holds, and no other. The
    /// published crates do not promise that.
    ///
    /// # Errors
    ///
    /// When one has more or fewer.
    pub fn check_links(&self) -> Result<()> {
        let differs = self.nodes_that_differ().next();
        match differs.filter(|_| cfg!(feature = "fork")) {
            None => Ok(()),
            Some((at, node)) => bail!(
                "node {at} has {} connections open and {} links",
                node.connections(),
                node.links()
            ),
        }
    }

    fn nodes_that_differ(&self) -> impl Iterator<Item = (usize, &Gossiper)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.connections() != node.links())
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

    /// Looks for peers that have no address, until it remembers as many peers as it ever will.
    ///
    /// # Errors
    ///
    /// When one is found.
    pub async fn seek_nobodies(&self, run: &mut Run) -> Result<()> {
        for _ in 0..NOBODIES {
            let nobody = EndpointAddr::new(run.key().public());
            let found = self.endpoint.connect(nobody, ALPN).await;
            ensure!(found.is_err(), "somebody without an address was found");
        }
        sleep(SETTLED).await;
        Ok(())
    }

    /// Where it can be reached.
    pub fn address(&self) -> EndpointAddr {
        address(&self.endpoint)
    }

    /// Joins a topic by way of a node that is in it, and listens for as long as the node runs.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn join(&self, topic: TopicId, by: &[&Gossiper]) -> Result<GossipSender> {
        let (sender, receiver) = self.enter(topic, by).await?.split();
        tokio::spawn(count(receiver, self.neighbours.clone()));
        Ok(sender)
    }

    /// The same, and has the caller listen. It leaves with what this gives.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn subscribe(&self, topic: TopicId, by: &[&Gossiper]) -> Result<Overlay> {
        Ok(self.enter(topic, by).await?.into())
    }

    /// Subscribes, has another node subscribe by this one, and waits until each is the other's neighbour: `what`, in a word.
    /// Gives what this one hears, and what the other does.
    ///
    /// # Errors
    ///
    /// When one of them has stopped; [`Dead`](crate::run::Dead) where they do not become neighbours.
    pub async fn joined_by(
        &self,
        other: &Gossiper,
        topic: TopicId,
        what: &str,
    ) -> Result<(Overlay, Overlay)> {
        let mut here = self.subscribe(topic, &[]).await?;
        let mut there = other.subscribe(topic, &[self]).await?;
        owed(what, async {
            there.gained(self.id()).await?;
            here.gained(other.id()).await
        })
        .await?;
        Ok((here, there))
    }

    async fn enter(&self, topic: TopicId, by: &[&Gossiper]) -> Result<GossipTopic> {
        let by = by.iter().map(|node| node.id()).collect();
        Ok(self.gossip.subscribe(topic, by).await?)
    }

    pub fn id(&self) -> EndpointId {
        self.endpoint.id()
    }

    /// How many connections it has open, whoever opened them.
    pub fn connections(&self) -> u64 {
        let metrics = &self.endpoint.metrics().socket;
        metrics.num_conns_opened.get() - metrics.num_conns_closed.get()
    }

    /// How many links its protocol holds: neighbours in the one topic that it is in.
    pub fn links(&self) -> u64 {
        self.neighbours.load(Ordering::Relaxed) as u64
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

#[cfg(test)]
mod tests {
    use crate::protocol::versions;

    #[test]
    fn the_manifest_names_the_newest_releases() {
        assert_eq!(versions()["iroh-gossip"], "0.101.0");
        assert_eq!(versions()["p2panda-net"], "0.7.1");
    }
}
