//! Nodes of p2panda as an application builds them, but on loopback and nowhere else.
//!
//! Their parts run on threads of their own, each with a runtime that goes by the system's clock. A scenario with such nodes
//! goes by it as well, from [`by_the_systems_clock`] on: where ours jumped ahead, theirs would not follow.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, Result};
use iroh::EndpointAddr;
use p2panda_core::{SigningKey, Topic};
use p2panda_net::addrs::NodeInfo;
use p2panda_net::gossip::GossipConfig;
#[cfg(feature = "fork")]
use p2panda_net::iroh_endpoint::AcceptLimits;
use p2panda_net::iroh_endpoint::IrohConfig;
use p2panda_net::{AddressBook, Endpoint, Gossip, LogSync, NodeId};
use p2panda_store::{SqliteStore, SqliteStoreBuilder};

/// What a node's sync goes by among its protocols.
pub const SYNC_PROTOCOL: &[u8] = b"p2panda/log_sync/v1";

/// How long somebody waits here for what they are owed, where no scenario says otherwise. That is by the system's clock, by which
/// a run has no minute for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a node says to the others about itself: nothing but its address, as none of them has an operation.
pub type Sync = LogSync<SqliteStore, u64, ()>;

/// A node that gossips.
pub struct Panda {
    pub book: AddressBook,
    pub gossip: Gossip,
    pub endpoint: Endpoint,
}

/// What a node is told as it starts, besides its key.
#[derive(Default)]
pub struct Settings {
    pub gossip: GossipConfig,
    #[cfg(feature = "fork")]
    pub accepts: AcceptLimits,
}

/// From here on time passes, and a rest before a sample takes as long as it says.
pub fn by_the_systems_clock() {
    tokio::time::resume();
}

/// Tells two nodes where the other is, and what it is there for.
///
/// # Errors
///
/// As [`Panda::meet`].
pub async fn introduce(one: &Panda, other: &Panda) -> Result<()> {
    one.meet(other).await?;
    other.meet(one).await
}

impl Panda {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When a part of it does not start.
    pub async fn spawn(key: [u8; 32]) -> Result<Self> {
        Self::spawn_with(key, Settings::default()).await
    }

    /// Starts one with these settings.
    ///
    /// # Errors
    ///
    /// When a part of it does not start.
    pub async fn spawn_with(key: [u8; 32], settings: Settings) -> Result<Self> {
        let loopback = IrohConfig {
            bind_ip_v4: Ipv4Addr::LOCALHOST,
            bind_ip_v6: Ipv6Addr::LOCALHOST,
            ..IrohConfig::default()
        };
        // By default a book's store takes up to 16 connections, as questions meet, and each fills a cache of its own: 18 MB for
        // two nodes after a thousand topics. That is bounded, and not what is looked for here.
        let store = SqliteStoreBuilder::memory().build().await?;
        let book = AddressBook::builder().store(store).spawn().await?;
        let endpoint = Endpoint::builder(book.clone())
            .signing_key(SigningKey::from_bytes(&key))
            .config(loopback);
        #[cfg(feature = "fork")]
        let endpoint = endpoint.accept_limits(settings.accepts);
        let endpoint = endpoint.spawn().await?;
        let gossip = Gossip::builder(book.clone(), endpoint.clone())
            .config(settings.gossip)
            .spawn()
            .await?;
        Ok(Self {
            book,
            gossip,
            endpoint,
        })
    }

    /// Its sync, with an empty store.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn sync(&self) -> Result<Sync> {
        let store = SqliteStoreBuilder::memory().build().await?;
        let builder = Sync::builder(store, self.endpoint.clone(), self.gossip.clone());
        Ok(builder.spawn().await?)
    }

    pub fn id(&self) -> NodeId {
        self.endpoint.node_id()
    }

    /// Learns where another node is, and what it is there for.
    ///
    /// # Errors
    ///
    /// When one of them has stopped.
    pub async fn meet(&self, other: &Self) -> Result<()> {
        let endpoint = other.endpoint.endpoint().await?;
        let sockets = endpoint.bound_sockets().into_iter();
        let address = EndpointAddr::new(endpoint.id());
        let address = sockets.fold(address, EndpointAddr::with_ip_addr);
        self.book.insert_node_info(NodeInfo::from(address)).await?;
        let topics = other.topics().await?;
        self.book.set_topics(other.id(), topics).await?;
        Ok(())
    }

    /// What it is there for now.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn topics(&self) -> Result<Vec<Topic>> {
        let mut topics = self.book.watch_node_topics(self.id(), false).await?;
        let now = topics.recv().await.context("no word of its own topics")?;
        Ok(now.value.into_iter().collect())
    }
}
