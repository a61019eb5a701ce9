//! Weak handles that outlive their connections.

use std::sync::Arc;

use anyhow::Result;
use iroh_quinn::TokioRuntime;

use super::{Quick, Scenario};
use crate::quic::iroh_quinn::Pair;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "weak-handles",
    about: "An application of iroh-quinn keeps a weak handle to every connection that it ever had",
    event: "connection opened and closed, and its weak handle kept",
    defects: &["weak-handle-pins-connection"],
    // Settled: past the few seconds in which a closed connection drains.
    quick: Quick {
        events: 960,
        samples: 49,
        warmup_events: 320,
        settle_ms: 10_000,
        seconds_max: 12,
    },
    // The handle is the application's own: a pointer in a list that grows by doubling, and two counters behind it.
    budget_bytes_per_event: 128.0,
    run: |run| Box::pin(keep_handles(run)),
};

async fn keep_handles(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    let mut handles = Vec::new();
    while run.next().await?.is_some() {
        let (client, server) = pair.connect().await?;
        handles.push(client.weak_handle());
        client.close(0_u32.into(), b"");
        tokio::spawn(async move { server.closed().await });
    }
    Ok(())
}
