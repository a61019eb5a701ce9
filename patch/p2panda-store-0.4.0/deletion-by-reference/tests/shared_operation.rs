// SPDX-License-Identifier: MIT OR Apache-2.0

//! An operation of the memory store that stands in two logs, and goes with the last of them.

mod common;

use std::thread;

use common::{author, insert};
use p2panda_store::{LogStore, MemoryStore, OperationStore};

const LOGS: [u64; 2] = [1, 2];

#[tokio::test]
async fn an_operation_deleted_from_one_log_stays_in_the_other() {
    let mut store = store().await;

    assert_eq!(
        store.delete_operations(&author(1), &LOGS[0], 2).await,
        Ok(true)
    );

    assert_eq!(seq_nums(&store, LOGS[0]).await, [2]);
    assert_eq!(seq_nums(&store, LOGS[1]).await, [0, 1, 2]);
    let raw = store.get_raw_log(&author(1), &LOGS[1], None).await.unwrap();
    assert_eq!(raw.unwrap().len(), 3);
}

#[tokio::test]
async fn deleting_payloads_of_the_other_log_leaves_the_store_usable() {
    let mut store = store().await;
    store
        .delete_operations(&author(1), &LOGS[0], 2)
        .await
        .unwrap();

    // In a task of its own, which ends alone when it panics.
    let mut elsewhere = store.clone();
    let deleted = tokio::spawn(async move {
        let log = (author(1), LOGS[1]);
        elsewhere.delete_payloads(&log.0, &log.1, 0, 2).await
    });
    assert!(matches!(deleted.await, Ok(Ok(true))), "it panics");

    let log = store.get_log(&author(1), &LOGS[1], None).await.unwrap();
    let with_payload: Vec<_> = log
        .unwrap()
        .into_iter()
        .map(|(_, payload)| payload.is_some())
        .collect();
    assert_eq!(with_payload, [false, false, true]);
}

#[tokio::test]
async fn an_operation_goes_with_the_last_of_its_logs() {
    let mut store = MemoryStore::default();
    let hash = insert(&mut store, author(1), LOGS[0], 0).await;
    insert(&mut store, author(1), LOGS[1], 0).await;

    store
        .delete_operations(&author(1), &LOGS[0], 1)
        .await
        .unwrap();
    assert_eq!(store.has_operation(hash).await, Ok(true), "too early");

    store
        .delete_operations(&author(1), &LOGS[1], 1)
        .await
        .unwrap();
    assert_eq!(store.has_operation(hash).await, Ok(false));
}

#[tokio::test]
async fn two_operations_under_one_hash_leave_the_store_usable() {
    let mut store = MemoryStore::default();
    let hash = insert(&mut store, author(1), LOGS[0], 0).await;
    let (_, header, body) = common::operation(author(1), 1, b"another");
    let bytes = header.to_bytes();

    let inserted = store.insert_operation(hash, &header, Some(&body), &bytes, &LOGS[0]);
    assert_eq!(inserted.await, Ok(false), "the first one stays");

    assert_eq!(store.delete_operation(hash).await, Ok(true));
    assert_eq!(store.get_log(&author(1), &LOGS[0], None).await, Ok(None));
}

#[tokio::test]
async fn a_panic_of_whoever_holds_the_lock_leaves_the_store_usable() {
    let mut store = MemoryStore::default();
    let held = store.clone();
    let holder = thread::spawn(move || {
        let _guard = held.write_store();
        panic!("on purpose, under the lock");
    });
    assert!(holder.join().is_err());

    insert(&mut store, author(1), LOGS[0], 0).await;
    assert_eq!(seq_nums(&store, LOGS[0]).await, [0]);
}

/// Three operations, each in both logs.
async fn store() -> MemoryStore<u64> {
    let mut store = MemoryStore::default();
    for seq_num in 0..3 {
        for log_id in LOGS {
            insert(&mut store, author(1), log_id, seq_num).await;
        }
    }
    store
}

async fn seq_nums(store: &MemoryStore<u64>, log_id: u64) -> Vec<u64> {
    let log = store.get_log(&author(1), &log_id, None).await.unwrap();
    let headers = log.unwrap_or_default().into_iter();
    headers.map(|(header, _)| header.seq_num).collect()
}
