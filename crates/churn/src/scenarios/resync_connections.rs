//! One peer comes back for a sync session again and again, each time on a connection of its own.

use anyhow::{Context, Result};

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;
use crate::session::Hub;

pub const SCENARIO: Scenario = Scenario {
    name: "resync-connections",
    about: "The same peer connects to one node, syncs a log that has nothing new, and closes the connection",
    event: "connection opened, synced on, and closed",
    defects: &["rtt-actor-streams", "weak-handle-pins-connection"],
    // Settled: past the few seconds in which a closed connection drains.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 120,
        settle_ms: 10_000,
        seconds_max: 8,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(come_back(run)),
};

async fn come_back(run: &mut Run) -> Result<()> {
    let mut hub = Hub::start(run).await?;

    let key = run.key();
    let visitor = node::endpoint(&key).await?;
    while let Some(event) = run.next().await? {
        hub.sync(&visitor, &key)
            .await
            .with_context(|| format!("session {event}"))?;
        hub.subscription.ignore();
    }

    visitor.close().await;
    hub.node.shutdown().await
}
