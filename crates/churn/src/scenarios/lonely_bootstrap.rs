//! A bootstrap node waits for somebody to come, and nobody does.

use std::time::Duration;

use anyhow::Result;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "lonely-bootstrap",
    about: "One bootstrap node alone, with no peer that could ever join it",
    event: "join interval waited (0.9 s)",
    defects: &["bootstrap-rejoins-forever"],
    quick: Quick {
        events: 240,
        samples: 49,
        warmup_events: 60,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(wait(run)),
};

/// How often a node tries to join the network's overlay.
const JOIN_INTERVAL: Duration = Duration::from_millis(900);

async fn wait(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).bootstrap().build().await?;
    run.watch(&node);
    while run.next().await?.is_some() {
        tokio::time::sleep(JOIN_INTERVAL).await;
    }
    node.shutdown().await
}
