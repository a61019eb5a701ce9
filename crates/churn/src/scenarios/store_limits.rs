//! A few authors write for ever, into a memory store that is told how much it may hold where it can be told.

use anyhow::Result;
use p2panda_store::MemoryStore;

use super::store_growth::insert;
use super::{Quick, Scenario};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "store-limits",
    about: "Operations of mixed sizes fill the logs of a memory store that may hold 1 MiB, and nobody deletes any",
    event: "operation written",
    defects: &["memory-store-has-no-figures"],
    // The warm-up fills the store twice.
    quick: Quick {
        events: 9_600,
        samples: 49,
        warmup_events: 2_400,
        settle_ms: 0,
        seconds_max: 4,
    },
    budget_bytes_per_event: 4.0,
    run: |run| Box::pin(write(run)),
};

/// Logs that are written in turn.
const LOGS: u64 = 16;

#[cfg(feature = "fork")]
const MAX_BYTES: usize = 1024 * 1024;

async fn write(run: &mut Run) -> Result<()> {
    let author = run.key().public_key();
    let mut store = store();
    while let Some(event) = run.next().await? {
        let body: [u8; 1024] = run.random();
        let len = usize::from(u16::from_le_bytes([body[0], body[1]])) % body.len();
        insert(&mut store, author, event % LOGS, event / LOGS, &body[..len]).await?;
    }
    Ok(())
}

fn store() -> MemoryStore<u64> {
    #[cfg(feature = "fork")]
    {
        let mut limits = p2panda_store::MemoryStoreLimits::default();
        limits.max_bytes = Some(MAX_BYTES);
        MemoryStore::with_limits(limits)
    }
    #[cfg(not(feature = "fork"))]
    MemoryStore::new()
}
