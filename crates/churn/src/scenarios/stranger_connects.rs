//! Strangers connect to a node's gossip: some leave at once, one says nothing and stays.

use anyhow::Result;
use iroh_gossip::ALPN;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "stranger-connects",
    about: "A stranger connects to a node's gossip and leaves, and another one opens a connection more and says nothing",
    event: "stranger came and left, and a silent connection was opened",
    defects: &[
        "inbound-unlimited",
        "stale-peer-entries",
        "disco-secrets",
        "node-addresses",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 50 s after which iroh's node map lets go of who was there.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 120,
        settle_ms: 60_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(come(run)),
};

async fn come(run: &mut Run) -> Result<()> {
    let hub = node::loopback(run.key()).build().await?;
    let hub_address = hub.endpoint().node_addr().await?;
    let silent = node::endpoint(&run.key()).await?;
    run.watch(&hub);

    let mut held = Vec::new();
    while run.next().await?.is_some() {
        let stranger = node::endpoint(&run.key()).await?;
        let connection = stranger.connect(hub_address.clone(), ALPN).await?;
        connection.close(0_u32.into(), b"");
        stranger.close().await;

        held.retain(|held: &iroh::endpoint::Connection| held.close_reason().is_none());
        held.push(silent.connect(hub_address.clone(), ALPN).await?);
    }

    silent.close().await;
    hub.shutdown().await
}
