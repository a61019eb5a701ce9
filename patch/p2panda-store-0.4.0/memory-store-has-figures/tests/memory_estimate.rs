// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the memory store says it takes, held against what jemalloc says.

mod common;

use common::author;
use p2panda_core::{Body, Hash, Header, PublicKey};
use p2panda_store::{LogStore, MemoryStore, OperationStore};
use tikv_jemalloc_ctl::{epoch, stats};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const OPERATIONS: u64 = 100_000;
const LOGS: u64 = 100;

/// One test, since jemalloc counts for the whole process.
#[tokio::test]
async fn the_estimate_is_within_15_percent_of_what_the_allocator_says() {
    let author = author(1);
    let before = allocated();
    let mut store = MemoryStore::default();
    for n in 0..OPERATIONS {
        insert(&mut store, author, n).await;
        if n % 10_000 == 9_999 {
            compare(&store, before, "growing");
        }
    }
    for log_id in 0..LOGS {
        let half = OPERATIONS / LOGS / 2;
        let deleted = store.delete_operations(&author, &log_id, half).await;
        assert_eq!(deleted, Ok(true));
    }
    compare(&store, before, "halved");

    for log_id in 0..LOGS {
        let deleted = store.delete_payloads(&author, &log_id, 0, OPERATIONS).await;
        assert_eq!(deleted, Ok(true));
    }
    compare(&store, before, "without payloads");

    for log_id in 0..LOGS {
        let kept = OPERATIONS / LOGS - 20;
        let deleted = store.delete_operations(&author, &log_id, kept).await;
        assert_eq!(deleted, Ok(true));
    }
    compare(&store, before, "nearly empty");
}

fn compare(store: &MemoryStore<u64>, before: usize, when: &str) {
    let held = allocated().saturating_sub(before);
    let estimate = store.estimated_memory_bytes();
    let count = store.stats().operation_count;
    let off = estimate.abs_diff(held) * 100 / held;
    assert!(
        off < 15,
        "{when}, {count} operations: estimated {estimate}, held {held}, {off} % off"
    );
}

fn allocated() -> usize {
    epoch::advance().expect("jemalloc counts");
    stats::allocated::read().expect("jemalloc counts")
}

/// Bodies from none to 16 KiB, most of them small; some operations refer to others.
async fn insert(store: &mut MemoryStore<u64>, public_key: PublicKey, n: u64) {
    let body = match n % 50 {
        0 => None,
        49 => Some(Body::new(&vec![1; 16 << 10])),
        m => Some(Body::new(&vec![1; (1 << (m % 12)) + m as usize])),
    };
    let header = Header {
        public_key,
        payload_size: body.as_ref().map_or(0, Body::size),
        payload_hash: body.as_ref().map(Body::hash),
        timestamp: n,
        seq_num: n / LOGS,
        previous: vec![Hash::from_bytes([1; 32]); (n % 4) as usize],
        ..Header::default()
    };
    let bytes = header.to_bytes();
    store
        .insert_operation(header.hash(), &header, body.as_ref(), &bytes, &(n % LOGS))
        .await
        .expect("infallible");
}
