//! Sync sessions with a node, as a peer has them that is no p2panda node itself.

use std::sync::Arc;

use anyhow::Result;
use futures_util::SinkExt;
use futures_util::sink;
use iroh::endpoint::Connection;
use iroh::{Endpoint, NodeAddr};
use p2panda_core::cbor::encode_cbor;
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_net::{NetworkBuilder, SyncConfiguration};
use p2panda_sync::{SyncError, SyncProtocol};
use serde::Serialize;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::log::{Log, OneLog};
use crate::node::{self, Node, Subscription, Topic};
use crate::run::Run;

/// The protocol that p2panda-net's nodes speak for a sync session.
pub const ALPN: &[u8] = b"/p2panda-net-sync/0";

/// The node that is measured: it has a log with one operation, and a subscription to the topic of all sessions.
pub struct Hub {
    pub node: Node,
    pub address: NodeAddr,
    /// To be read, or emptied: the untouched node stops over one that nobody reads (slow-subscriber-stalls-node), as it
    /// panics over a session for a topic to which nobody subscribed (unknown-topic-panics).
    pub subscription: Subscription,
    pub topic: Topic,
}

impl Hub {
    /// Starts it, and lets the run watch it.
    ///
    /// # Errors
    ///
    /// When it cannot bind its sockets.
    pub async fn start(run: &mut Run) -> Result<Self> {
        Self::start_with(run, |builder| builder).await
    }

    /// The same, with settings of the scenario's own.
    ///
    /// # Errors
    ///
    /// When it cannot bind its sockets.
    pub async fn start_with(
        run: &mut Run,
        set: impl FnOnce(NetworkBuilder<Topic>) -> NetworkBuilder<Topic>,
    ) -> Result<Self> {
        let topic = Topic(run.random());
        let key = run.key();
        let sync = of_one_log(&key).await?;
        let node = set(node::loopback(key)).sync(sync).build().await?;
        let subscription = node::subscribe(&node, topic).await?;
        let address = node.endpoint().node_addr().await?;
        run.watch(&node);
        Ok(Hub {
            node,
            address,
            subscription,
            topic,
        })
    }

    /// See [`sync`].
    ///
    /// # Errors
    ///
    /// When the node cannot be reached, or ends the session early.
    pub async fn sync(&self, from: &Endpoint, key: &PrivateKey) -> Result<()> {
        sync(from, &self.address, self.topic, key).await
    }
}

/// A session about a topic with a node, on a connection of its own, in which each side learns of the other's one operation.
///
/// # Errors
///
/// When the node cannot be reached, or ends the session early.
pub async fn sync(from: &Endpoint, to: &NodeAddr, topic: Topic, key: &PrivateKey) -> Result<()> {
    sync_log(from, to, topic, one_log(key).await?).await
}

/// The same with a log of the caller's.
///
/// # Errors
///
/// When the node cannot be reached, or ends the session early.
pub async fn sync_log(from: &Endpoint, to: &NodeAddr, topic: Topic, log: OneLog) -> Result<()> {
    let connection = from.connect(to.clone(), ALPN).await?;
    let session = initiate(&connection, topic, log).await;
    connection.close(0_u32.into(), b"");
    session
}

/// The initiator's part of a session, with the same ending as p2panda-net's own.
async fn initiate(connection: &Connection, topic: Topic, protocol: OneLog) -> Result<()> {
    let (mut send, mut receive) = connection.open_bi().await?;
    let mut synced = sink::drain().sink_map_err(|never| match never {});
    let synced: &mut (dyn sink::Sink<_, Error = SyncError> + Send + Unpin) = &mut synced;
    Arc::new(protocol)
        .initiate(
            topic,
            Box::new(&mut (&mut send).compat_write()),
            Box::new(&mut (&mut receive).compat()),
            Box::new(synced),
        )
        .await?;
    send.finish()?;
    send.stopped().await?;
    receive.read_to_end(0).await?;
    Ok(())
}

/// What a node is to sync: a log with one operation by this key, which need not be the node's.
///
/// # Errors
///
/// When the log cannot be kept.
pub async fn of_one_log(key: &PrivateKey) -> Result<SyncConfiguration<Topic>> {
    Ok(SyncConfiguration::new(one_log(key).await?))
}

async fn one_log(key: &PrivateKey) -> Result<OneLog> {
    let mut log = Log::new(key.clone());
    log.append(key.public_key().as_bytes()).await?;
    Ok(log.protocol())
}

/// What a peer says in a session of log sync: which topic it is about, and what it has of whose logs; and that this is all.
#[derive(Serialize)]
#[serde(tag = "type", content = "value")]
pub enum Said {
    Have(Topic, Vec<(PublicKey, Vec<(u64, u64)>)>),
    Done,
}

impl Said {
    /// As it is said.
    ///
    /// # Errors
    ///
    /// Never, but the encoder has one.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(encode_cbor(self)?)
    }
}
