//! A store that holds many logs, of which one operation at a time is deleted.

use anyhow::{Result, ensure};
use p2panda_store::{MemoryStore, OperationStore};

use super::store_growth::insert;
use super::{AT_REST, Scenario};
use crate::asked::asks_at_most;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "many-logs",
    about: "One operation after the other is written to a memory store that holds 2,000 other logs, and deleted again",
    event: "operation deleted, for no more than it holds",
    defects: &["deletes-are-quadratic"],
    quick: AT_REST,
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(delete(run)),
};

/// Logs that have nothing to do with what is deleted.
const LOGS: u64 = 2_000;

/// Enough to find an operation and to take it out: 8 bytes for each log were twice as many.
const BYTES: u64 = 8 * 1024;

async fn delete(run: &mut Run) -> Result<()> {
    let (other, author) = (run.key().public_key(), run.key().public_key());
    let mut store = MemoryStore::<u64>::new();
    for log_id in 0..LOGS {
        insert(&mut store, other, log_id, 0, b"of another").await?;
    }
    while run.next().await?.is_some() {
        let body: [u8; 200] = run.random();
        let hash = insert(&mut store, author, LOGS, 0, &body).await?;
        let deleting = async { Ok(store.delete_operation(hash).await?) };
        let deleted = asks_at_most(BYTES, "a deletion", deleting).await?;
        ensure!(deleted, "what was written was not there to be deleted");
    }
    Ok(())
}
