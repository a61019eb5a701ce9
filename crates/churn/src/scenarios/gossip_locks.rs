//! Ever new peers come for one sync session each, and each session locks the gossip buffer of its peer.

use anyhow::{Context, Result};
use p2panda_core::PrivateKey;
use p2panda_net::FromNetwork;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;
use crate::session::Hub;

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

async fn sync(run: &mut Run) -> Result<()> {
    let mut hub = Hub::start(run).await?;

    while let Some(event) = run.next().await? {
        let key = run.key();
        visit(&key, &hub)
            .await
            .with_context(|| format!("visitor {event}"))?;
        // The hub has had the session when it has passed on what it got.
        while !matches!(
            hub.subscription.next().await?,
            FromNetwork::SyncMessage { delivered_from, .. } if delivered_from == key.public_key()
        ) {}
    }

    hub.node.shutdown().await
}

/// One peer's whole life: a socket, a connection, a session in which each side learns one operation of the other's.
async fn visit(key: &PrivateKey, hub: &Hub) -> Result<()> {
    let endpoint = node::endpoint(key).await?;
    let session = hub.sync(&endpoint, key).await;
    endpoint.close().await;
    session
}
