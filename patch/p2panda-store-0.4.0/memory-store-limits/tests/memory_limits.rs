// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a memory store with limits keeps, and what goes first.

mod common;

use std::sync::LazyLock;

use common::{insert, operation};
use p2panda_core::PublicKey;
use p2panda_store::{LogStore, MemoryStore, MemoryStoreLimits, OperationStore};
use proptest::prelude::*;

static AUTHOR: LazyLock<PublicKey> = LazyLock::new(|| common::author(1));

#[tokio::test]
async fn a_store_at_its_limit_evicts_the_beginnings_of_the_oldest_logs() {
    let mut store = MemoryStore::with_limits(operations(20));
    for log_id in 0..4 {
        for seq_num in 0..10 {
            insert(&mut store, *AUTHOR, log_id, 100 * log_id + seq_num).await;
        }
    }

    assert_eq!(seq_nums(&store, 0).await, [9]);
    assert_eq!(seq_nums(&store, 1).await, [109]);
    assert_eq!(seq_nums(&store, 2).await, (202..210).collect::<Vec<_>>());
    assert_eq!(seq_nums(&store, 3).await, (300..310).collect::<Vec<_>>());
    let stats = store.stats();
    assert_eq!((stats.operation_count, stats.evicted_entries), (20, 20));
    assert_eq!(stats.limits, operations(20));
}

#[tokio::test]
async fn a_log_that_is_written_again_is_not_the_oldest() {
    let mut store = MemoryStore::with_limits(operations(20));
    for log_id in 0..2 {
        for seq_num in 0..10 {
            insert(&mut store, *AUTHOR, log_id, 100 * log_id + seq_num).await;
        }
    }

    for seq_num in 10..15 {
        insert(&mut store, *AUTHOR, 0, seq_num).await;
    }

    assert_eq!(seq_nums(&store, 0).await, (0..15).collect::<Vec<_>>());
    assert_eq!(seq_nums(&store, 1).await, (105..110).collect::<Vec<_>>());
}

#[tokio::test]
async fn tips_stay_even_if_they_are_more_than_the_limit() {
    let mut store = MemoryStore::with_limits(operations(10));
    for log_id in 0..50 {
        insert(&mut store, *AUTHOR, log_id, log_id).await;
    }
    assert_eq!(store.stats().operation_count, 50);
    assert_eq!(store.stats().evicted_entries, 0);

    insert(&mut store, *AUTHOR, 7, 1000).await;
    assert_eq!(
        seq_nums(&store, 7).await,
        [1000],
        "the tip replaces the last"
    );
    assert_eq!(store.stats().operation_count, 50);
}

#[tokio::test]
async fn a_store_with_a_limit_in_bytes_never_estimates_more() {
    const MAX_BYTES: usize = 1 << 20;
    let mut limits = MemoryStoreLimits::default();
    limits.max_bytes = Some(MAX_BYTES);
    let mut store = MemoryStore::with_limits(limits);
    for n in 0..3000 {
        let (hash, header, body) = operation(*AUTHOR, n, &vec![1; (n % 100) as usize * 40]);
        let bytes = header.to_bytes();
        store
            .insert_operation(hash, &header, Some(&body), &bytes, &(n % 30))
            .await
            .unwrap();
        let estimate = store.estimated_memory_bytes();
        assert!(estimate <= MAX_BYTES, "{estimate} bytes with operation {n}");
    }

    let stats = store.stats();
    assert_eq!(stats.log_count, 30);
    assert_eq!(stats.evicted_entries as usize, 3000 - stats.total_entries);
    assert!(stats.estimated_memory_bytes > MAX_BYTES / 2, "{stats:?}");
}

#[tokio::test]
async fn an_operation_in_two_logs_makes_room_when_both_have_lost_it() {
    let mut store = MemoryStore::with_limits(operations(2));
    let shared = insert(&mut store, *AUTHOR, 1, 0).await;
    insert(&mut store, *AUTHOR, 2, 0).await;
    insert(&mut store, *AUTHOR, 1, 1).await;
    assert_eq!(store.stats().evicted_entries, 0);

    insert(&mut store, *AUTHOR, 2, 2).await;

    assert_eq!(seq_nums(&store, 1).await, [1]);
    assert_eq!(seq_nums(&store, 2).await, [2]);
    assert_eq!(store.has_operation(shared).await, Ok(false));
    assert_eq!(store.stats().evicted_entries, 2);
}

#[tokio::test]
async fn a_store_without_limits_keeps_everything() {
    let mut store = MemoryStore::default();
    for seq_num in 0..1000 {
        insert(&mut store, *AUTHOR, 1, seq_num).await;
    }

    let stats = store.stats();
    assert_eq!((stats.operation_count, stats.evicted_entries), (1000, 0));
    assert_eq!(stats.limits, MemoryStoreLimits::default());
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_limited_log_is_the_end_of_an_unlimited_one(
        insertions in prop::collection::vec((0..4_u64, 0..20_u64), 1..80),
        max_operations in 1..12_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut limited = MemoryStore::with_limits(operations(max_operations));
            let mut unlimited = MemoryStore::default();
            for (log_id, seq_num) in insertions {
                // Operations that come late may be evicted at once: none do.
                let seq_num = 20 * unlimited.stats().total_entries as u64 + seq_num;
                insert(&mut limited, *AUTHOR, log_id, seq_num).await;
                insert(&mut unlimited, *AUTHOR, log_id, seq_num).await;
                let stats = limited.stats();
                prop_assert!(stats.operation_count <= max_operations.max(stats.log_count));
                for log_id in 0..4 {
                    let kept = seq_nums(&limited, log_id).await;
                    let all = seq_nums(&unlimited, log_id).await;
                    prop_assert!(all.ends_with(&kept), "{:?} of {:?}", kept, all);
                    prop_assert_eq!(kept.is_empty(), all.is_empty());
                }
            }
            Ok(())
        })?;
    }
}

fn operations(max: usize) -> MemoryStoreLimits {
    let mut limits = MemoryStoreLimits::default();
    limits.max_operations = Some(max);
    limits
}

async fn seq_nums(store: &MemoryStore<u64>, log_id: u64) -> Vec<u64> {
    let log = store.get_log(&AUTHOR, &log_id, None).await.unwrap();
    let headers = log.unwrap_or_default().into_iter();
    headers.map(|(header, _)| header.seq_num).collect()
}
