//! Logs are written to a memory store and pruned again, tip and all, as an application does with what it is done with.

use anyhow::Result;
use p2panda_core::{Body, Hash, Header, PublicKey};
use p2panda_store::{LogStore, MemoryStore, OperationStore};

use super::{Quick, Scenario};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "store-growth",
    about: "An author writes one short log after the other into a memory store, and prunes each whole",
    event: "log written and pruned",
    // The set of an emptied log stays, which is what that panic stumbles over.
    defects: &["empty-log-panics"],
    quick: Quick {
        events: 9_600,
        samples: 49,
        warmup_events: 2_400,
        settle_ms: 0,
        seconds_max: 4,
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(prune(run)),
};

/// Operations in each log.
const OPERATIONS: u64 = 4;

async fn prune(run: &mut Run) -> Result<()> {
    let author = run.key().public_key();
    let mut store = MemoryStore::<u64>::new();
    while let Some(log_id) = run.next().await? {
        for seq_num in 0..OPERATIONS {
            let body: [u8; 200] = run.random();
            insert(&mut store, author, log_id, seq_num, &body).await?;
        }
        store
            .delete_payloads(&author, &log_id, 0, OPERATIONS / 2)
            .await?;
        store
            .delete_operations(&author, &log_id, OPERATIONS)
            .await?;
    }
    Ok(())
}

/// Inserts an operation without a signature, as the store does not look at it, and says what it is called.
pub(super) async fn insert(
    store: &mut MemoryStore<u64>,
    author: PublicKey,
    log_id: u64,
    seq_num: u64,
    body: &[u8],
) -> Result<Hash> {
    let body = Body::new(body);
    let header = Header {
        public_key: author,
        payload_hash: Some(body.hash()),
        payload_size: body.size(),
        seq_num,
        ..Header::default()
    };
    let hash = header.hash();
    store
        .insert_operation(hash, &header, Some(&body), &header.to_bytes(), &log_id)
        .await?;
    Ok(hash)
}
