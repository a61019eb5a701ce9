//! Operations that stand in two logs of a memory store, and are deleted from one after the other.

use anyhow::Result;
use p2panda_store::{LogStore, MemoryStore};

use super::store_growth::insert;
use super::{Quick, Scenario};
use crate::run::{Dead, Run};

pub const SCENARIO: Scenario = Scenario {
    name: "shared-operations",
    about: "An author's operations stand in two logs of a memory store; one log is pruned, and then the payloads of the other",
    event: "operation written to two logs, and pruned from both",
    // Emptied logs stay, too, in a store that lives.
    defects: &["shared-operation-panics", "empty-log-panics"],
    quick: Quick {
        events: 9_600,
        samples: 49,
        warmup_events: 2_400,
        settle_ms: 0,
        seconds_max: 4,
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(prune_both(run)),
};

async fn prune_both(run: &mut Run) -> Result<()> {
    let author = run.key().public_key();
    let mut store = MemoryStore::<u64>::new();
    while let Some(event) = run.next().await? {
        let body: [u8; 200] = run.random();
        let logs = [2 * event, 2 * event + 1];
        for log in logs {
            insert(&mut store, author, log, 0, &body).await?;
        }
        store.delete_operations(&author, &logs[0], 1).await?;
        let mut elsewhere = store.clone();
        // A panic in there ends this task alone.
        let pruned = tokio::spawn(async move {
            elsewhere.delete_payloads(&author, &logs[1], 0, 1).await?;
            elsewhere.delete_operations(&author, &logs[1], 1).await
        });
        pruned.await.map_err(|error| Dead(error.to_string()))??;
    }
    Ok(())
}
