// SPDX-License-Identifier: MIT OR Apache-2.0

//! Logs of the memory store that are read in parts.

mod common;

use common::{author, operation};
use p2panda_core::RawOperation;
use p2panda_store::{LogCursor, LogStore, MemoryStore, OperationStore, RawLogPage};

const LOG: u64 = 1;

#[tokio::test]
async fn the_pages_of_a_log_are_the_log() {
    let store = store(100).await;
    for from in [0, 1, 37, 99] {
        for max_bytes in [0, 1, 500, 5_000, usize::MAX] {
            let whole = store.get_raw_log(&author(1), &LOG, Some(from)).await;
            let pages = pages(&store, from, max_bytes).await;
            let operations: Vec<_> = pages.into_iter().flatten().collect();
            assert_eq!(Some(operations), whole.unwrap(), "{from}, {max_bytes}");
        }
    }
}

#[tokio::test]
async fn a_page_ends_with_the_operation_that_fills_it() {
    const MAX_BYTES: usize = 2_000;
    let store = store(100).await;
    let pages = pages(&store, 0, MAX_BYTES).await;
    assert!(pages.len() > 5, "{} pages", pages.len());

    let (last, full) = pages.split_last().unwrap();
    for page in full {
        assert!(bytes(page) >= MAX_BYTES);
    }
    for page in pages.iter().filter(|page| page.len() > 1) {
        assert!(bytes(&page[..page.len() - 1]) < MAX_BYTES);
    }
    assert!(!last.is_empty(), "the last page brings something");
}

#[tokio::test]
async fn operations_with_the_same_sequence_number_stay_in_one_page() {
    let mut store = store(3).await;
    for fork in 0..5_u8 {
        insert(&mut store, 1, &[fork]).await;
    }

    let pages = pages(&store, 0, 1).await;
    let lengths: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 6, 1]);
}

#[tokio::test]
async fn pages_of_no_log_and_behind_the_end_of_one() {
    let store = store(3).await;
    let unknown = store
        .get_raw_log_page(&author(2), &LOG, LogCursor::at(0), 1)
        .await;
    assert_eq!(unknown, Ok(None));
    let behind = store
        .get_raw_log_page(&author(1), &LOG, LogCursor::at(u64::MAX), 1)
        .await;
    assert_eq!(behind, Ok(Some(RawLogPage::default())));
}

async fn store(operations: u64) -> MemoryStore<u64> {
    let mut store = MemoryStore::default();
    for seq_num in 0..operations {
        insert(&mut store, seq_num, &vec![7; seq_num as usize * 10]).await;
    }
    store
}

async fn insert(store: &mut MemoryStore<u64>, seq_num: u64, body: &[u8]) {
    let (hash, header, body) = operation(author(1), seq_num, body);
    let bytes = header.to_bytes();
    store
        .insert_operation(hash, &header, Some(&body), &bytes, &LOG)
        .await
        .expect("infallible");
}

async fn pages(store: &MemoryStore<u64>, from: u64, max_bytes: usize) -> Vec<Vec<RawOperation>> {
    let author = author(1);
    let mut next = Some(LogCursor::at(from));
    let mut pages = Vec::new();
    while let Some(from) = next {
        let page = store.get_raw_log_page(&author, &LOG, from, max_bytes).await;
        let page = page.expect("infallible").expect("the log is there");
        pages.push(page.operations);
        next = page.next;
    }
    pages
}

fn bytes(page: &[RawOperation]) -> usize {
    let len = |(header, body): &RawOperation| header.len() + body.as_ref().map_or(0, Vec::len);
    page.iter().map(len).sum()
}
