// SPDX-License-Identifier: MIT OR Apache-2.0

//! Logs of the SQLite store that are read in parts.
use p2panda_core::{Body, Header, PrivateKey, PublicKey, RawOperation};

use crate::sqlite::test_utils::initialize_sqlite_db;
use crate::{LogCursor, LogStore, OperationStore, SqliteStore};

const LOG: u64 = 1;
const BODY_LEN: usize = 20;

#[tokio::test]
async fn the_pages_of_a_log_are_the_log() {
    let author = author();
    let store = store(0..40).await;
    for from in [0, 7, 16, 39] {
        let whole = store.get_raw_log(&author, &LOG, Some(from)).await.unwrap();
        for max_bytes in [0, 500, 5_000, usize::MAX] {
            let pages = pages(&store, from, max_bytes).await;
            assert!(max_bytes > 0 || pages.iter().all(|page| page.len() == 1));
            assert_eq!(Some(pages.concat()), whole, "{from}, {max_bytes}");
        }
    }
}

#[tokio::test]
async fn operations_with_the_same_sequence_number_stay_in_one_page() {
    // As many as are looked up at a time end within them.
    let store = store((0..15).chain([14; 4]).chain(15..20)).await;
    for max_bytes in [0, 1_000, usize::MAX] {
        let pages = pages(&store, 0, max_bytes).await;
        assert_eq!(pages.concat().len(), 24, "{max_bytes}");
        let have = |page: &[RawOperation], n| page.iter().any(|operation| number(operation) == n);
        let page = pages.iter().find(|page| have(page, 14)).unwrap();
        assert!((15..19).all(|n| have(page, n)), "{max_bytes}");
    }
}

#[tokio::test]
async fn what_is_deleted_between_two_pages_is_left_out() {
    let author = author();
    let mut store = store(0..10).await;
    let page = store.get_raw_log_page(&author, &LOG, LogCursor::at(0), 1);
    let next = page.await.unwrap().unwrap().next.unwrap();
    store.delete_operations(&author, &LOG, 7).await.unwrap();

    let page = store.get_raw_log_page(&author, &LOG, next, usize::MAX);
    let page = page.await.unwrap().unwrap();
    assert_eq!((page.operations.len(), page.next), (3, None));
}

#[tokio::test]
async fn pages_of_no_log_and_behind_the_end_of_one() {
    let author = author();
    let store = store(0..3).await;
    for (log_id, from) in [(2, 0), (LOG, 3)] {
        let page = store.get_raw_log_page(&author, &log_id, LogCursor::at(from), 1);
        assert_eq!(page.await.unwrap(), None);
    }
}

fn author() -> PublicKey {
    key().public_key()
}

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[1; 32])
}

/// A store with one log of operations with these sequence numbers. The size of their bodies numbers
/// them.
async fn store(seq_nums: impl IntoIterator<Item = u64>) -> SqliteStore<u64, ()> {
    let mut store = SqliteStore::new(initialize_sqlite_db().await);
    for (number, seq_num) in seq_nums.into_iter().enumerate() {
        let body = Body::new(&vec![7; number * BODY_LEN]);
        let mut header = Header::<()> {
            public_key: author(),
            payload_size: body.size(),
            payload_hash: Some(body.hash()),
            seq_num,
            ..Header::default()
        };
        header.sign(&key());
        let bytes = header.to_bytes();
        store
            .insert_operation(header.hash(), &header, Some(&body), &bytes, &LOG)
            .await
            .unwrap();
    }
    store
}

fn number((_, body): &RawOperation) -> usize {
    body.as_ref().map_or(0, Vec::len) / BODY_LEN
}

async fn pages(
    store: &SqliteStore<u64, ()>,
    from: u64,
    max_bytes: usize,
) -> Vec<Vec<RawOperation>> {
    let author = author();
    let mut pages = Vec::new();
    let mut next = Some(LogCursor::at(from));
    while let Some(from) = next {
        let page = store.get_raw_log_page(&author, &LOG, from, max_bytes);
        let page = page.await.unwrap().expect("the log goes on");
        pages.push(page.operations);
        next = page.next;
    }
    pages
}
