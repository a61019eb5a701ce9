//! A server that does not accept for a long while, though strangers knock all the time.

use std::sync::Arc;

use anyhow::Result;
use iroh_quinn::TokioRuntime;

use super::{Quick, Scenario};
use crate::loopback::keep_knocking;
use crate::quic::iroh_quinn::Pair;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "incoming-unaccepted",
    about: "Strangers knock at an endpoint of iroh-quinn that accepts nobody until the end, and then one who is there",
    event: "attempt made (every 10 ms)",
    defects: &["incoming-never-expires"],
    // Warmed up: the first attempts are older than any may become.
    quick: Quick {
        events: 12_000,
        samples: 49,
        warmup_events: 4_000,
        settle_ms: 0,
        seconds_max: 12,
    },
    // An attempt that stays costs a hundred times that. Some dozens more or less of the 3,000 wait at a sample.
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(accept_nobody(run)),
};

async fn accept_nobody(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    keep_knocking(run, pair.server.local_addr()?).await?;
    pair.connect().await?;
    Ok(())
}
