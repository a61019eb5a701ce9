// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a deletion from the memory store costs: what it deletes, and not the whole store. Time is for the benchmark.

mod common;

use std::hash::{Hash as StdHash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{author, operation};
use p2panda_store::{MemoryStore, OperationStore};

#[tokio::test]
async fn deleting_one_operation_does_not_copy_the_other_logs() {
    let copies = Arc::new(AtomicUsize::new(0));
    let mut store = MemoryStore::<CountedId>::new();
    let (hash, header, body) = operation(author(1), 0, b"hello");
    let log_id = |n| CountedId(n, copies.clone());
    let other = author(2);
    for n in 0..1000 {
        let (hash, header, body) = operation(other, n, b"hello");
        let bytes = header.to_bytes();
        store
            .insert_operation(hash, &header, Some(&body), &bytes, &log_id(n))
            .await
            .unwrap();
    }
    let bytes = header.to_bytes();
    store
        .insert_operation(hash, &header, Some(&body), &bytes, &log_id(0))
        .await
        .unwrap();

    let before = copies.load(Ordering::Relaxed);
    assert_eq!(store.delete_operation(hash).await, Ok(true));
    let copied = copies.load(Ordering::Relaxed) - before;
    assert!(copied < 10, "{copied} log ids were copied for one deletion");
}

/// A log id that counts how often it is copied.
#[derive(Debug)]
struct CountedId(u64, Arc<AtomicUsize>);

impl Clone for CountedId {
    fn clone(&self) -> Self {
        self.1.fetch_add(1, Ordering::Relaxed);
        Self(self.0, self.1.clone())
    }
}

impl PartialEq for CountedId {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for CountedId {}

impl StdHash for CountedId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
