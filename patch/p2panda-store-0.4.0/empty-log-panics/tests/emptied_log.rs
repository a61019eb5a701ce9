// SPDX-License-Identifier: MIT OR Apache-2.0

//! A log of the memory store whose operations were all deleted.

mod common;

use common::{author, insert};
use p2panda_store::{LogStore, MemoryStore};

const LOG: u64 = 1;

#[tokio::test]
async fn a_log_whose_operations_were_all_deleted_has_no_height() {
    let mut store = MemoryStore::default();
    for seq_num in 0..3 {
        insert(&mut store, author(1), LOG, seq_num).await;
        insert(&mut store, author(2), LOG, seq_num).await;
    }

    assert_eq!(store.delete_operations(&author(1), &LOG, 3).await, Ok(true));

    assert_eq!(store.get_log_heights(&LOG).await, Ok(vec![(author(2), 2)]));
    assert_eq!(store.latest_operation(&author(1), &LOG).await, Ok(None));
}

#[tokio::test]
async fn a_log_whose_operations_were_all_deleted_can_be_written_again() {
    let mut store = MemoryStore::default();
    insert(&mut store, author(1), LOG, 0).await;
    assert_eq!(store.delete_operations(&author(1), &LOG, 1).await, Ok(true));
    assert_eq!(store.get_log_heights(&LOG).await, Ok(vec![]));

    insert(&mut store, author(1), LOG, 1).await;

    assert_eq!(store.get_log_heights(&LOG).await, Ok(vec![(author(1), 1)]));
}
