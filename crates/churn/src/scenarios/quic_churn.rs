//! Connections that come, are used, and go with the last handle to them.

use std::sync::Arc;

use anyhow::Result;
use quinn::TokioRuntime;

use super::{Quick, Scenario};
use crate::quic::quinn::Pair;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "quic-churn",
    about: "A client of quinn connects, resets a stream, waits in a task for what becomes of that, and lets go",
    event: "connection opened, used, and let go of",
    defects: &["stopped-entries"],
    // Settled: past the few seconds in which a closed connection drains.
    quick: Quick {
        events: 960,
        samples: 49,
        warmup_events: 320,
        settle_ms: 10_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(come_and_go(run)),
};

async fn come_and_go(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    while run.next().await?.is_some() {
        let (client, server) = pair.connect().await?;
        let mut stream = client.open_uni().await?;
        stream.write_all(b"on second thoughts, no").await?;
        stream.reset(0_u32.into())?;
        // As it is not awaited here, the connection ends once the task knows.
        tokio::spawn(stream.stopped());
        tokio::spawn(async move { server.closed().await });
    }
    Ok(())
}
