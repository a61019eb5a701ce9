// SPDX-License-Identifier: MIT OR Apache-2.0

//! The figures of the memory store. (Any order of actions: memory_store_model.rs.)

mod common;

use common::{author, insert, operation};
use p2panda_store::{LogStore, MemoryStore, OperationStore};

#[tokio::test]
async fn an_operation_in_two_logs_counts_once_and_its_entries_twice() {
    let mut store = MemoryStore::default();
    assert_eq!(store.stats(), Default::default());

    let hash = insert(&mut store, author(1), 1, 0).await;
    insert(&mut store, author(1), 2, 0).await;
    insert(&mut store, author(2), 2, 0).await;

    let (_, header, body) = operation(author(1), 0, b"hello");
    let stats = store.stats();
    assert_eq!(
        (stats.operation_count, stats.log_count, stats.total_entries),
        (2, 3, 3)
    );
    assert_eq!(stats.header_bytes, 2 * header.to_bytes().len());
    assert_eq!(stats.body_bytes as u64, 2 * body.size());

    store.delete_payload(hash).await.unwrap();
    assert_eq!(store.stats().body_bytes as u64, body.size());
}

#[tokio::test]
async fn a_store_is_over_its_threshold_with_one_operation_more() {
    let mut store = MemoryStore::default();
    for seq_num in 0..10 {
        insert(&mut store, author(1), 1, seq_num).await;
    }

    assert!(!store.is_over_threshold(10));
    assert!(store.is_over_threshold(9));
}

#[tokio::test]
async fn a_store_that_was_large_once_does_not_stay_so() {
    let mut store = MemoryStore::default();
    for log_id in 0..1000 {
        insert(&mut store, author(1), log_id, log_id).await;
    }
    let full = store.estimated_memory_bytes();
    assert_eq!(full, store.stats().estimated_memory_bytes);

    for log_id in 0..1000 {
        store
            .delete_operations(&author(1), &log_id, 1000)
            .await
            .unwrap();
    }

    let empty = store.estimated_memory_bytes();
    assert!(empty < full / 100, "{empty} bytes of {full}");
    assert_eq!(store.stats().total_entries, 0);
}
