//! Ever new peers come for one sync session each, and each session locks the gossip buffer of its peer.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::SinkExt;
use futures_util::sink;
use iroh::NodeAddr;
use iroh::endpoint::Connection;
use p2panda_core::PrivateKey;
use p2panda_net::{FromNetwork, SyncConfiguration};
use p2panda_sync::{SyncError, SyncProtocol};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use super::{Quick, Scenario};
use crate::log::{Log, OneLog};
use crate::node::{self, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "gossip-locks",
    about: "Peers with new keys come one after the other, sync a log with one node, and go",
    event: "sync session with a new peer",
    // Those whose bytes a heap profile of the untouched side shows; the locks of the gossip buffer are about 0.3 KB of 8.
    defects: &[
        "gossip-buffer-counters",
        "disco-secrets",
        "node-addresses",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 30 s after which a connection without an answer ends, and the 50 s after which iroh's node map lets
    // go of who was there.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 120,
        settle_ms: 60_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(sync(run)),
};

/// The protocol that p2panda-net's nodes speak for a sync session.
pub(super) const SYNC_ALPN: &[u8] = b"/p2panda-net-sync/0";

async fn sync(run: &mut Run) -> Result<()> {
    let topic = Topic(run.random());
    let key = run.key();
    let protocol = one_log(&key).await?;
    let hub = node::loopback(key)
        .sync(SyncConfiguration::new(protocol))
        .build()
        .await?;
    // The untouched node panics over a session for a topic to which nobody subscribed (unknown-topic-panics).
    let mut subscription = node::subscribe(&hub, topic).await?;
    let hub_address = hub.endpoint().node_addr().await?;
    run.watch(&hub);

    while let Some(event) = run.next().await? {
        let key = run.key();
        visit(&key, topic, hub_address.clone())
            .await
            .with_context(|| format!("visitor {event}"))?;
        // The hub has had the session when it has passed on what it got.
        while !matches!(
            subscription.next().await?,
            FromNetwork::SyncMessage { delivered_from, .. } if delivered_from == key.public_key()
        ) {}
    }

    hub.shutdown().await
}

/// One peer's whole life: a socket, a connection, a session in which each side learns one operation of the other's.
async fn visit(key: &PrivateKey, topic: Topic, hub: NodeAddr) -> Result<()> {
    let endpoint = node::endpoint(key).await?;
    let connection = endpoint.connect(hub, SYNC_ALPN).await?;
    let session = initiate(&connection, topic, one_log(key).await?).await;
    connection.close(0_u32.into(), b"");
    endpoint.close().await;
    session
}

/// The initiator's part of a session, with the same ending as p2panda-net's own.
pub(super) async fn initiate(
    connection: &Connection,
    topic: Topic,
    protocol: OneLog,
) -> Result<()> {
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

/// A sync protocol over a log with one operation by this key.
pub(super) async fn one_log(key: &PrivateKey) -> Result<OneLog> {
    let mut log = Log::new(key.clone());
    log.append(key.public_key().as_bytes()).await?;
    Ok(log.protocol())
}
