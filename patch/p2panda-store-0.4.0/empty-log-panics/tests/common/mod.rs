// SPDX-License-Identifier: MIT OR Apache-2.0

//! Operations for the tests of the memory store.

// Every test is a crate of its own and uses a part of this.
#![allow(dead_code)]

use p2panda_core::{Body, Hash, Header, PrivateKey, PublicKey};
use p2panda_store::{MemoryStore, OperationStore};

/// An author who is the same in every run.
pub fn author(n: u8) -> PublicKey {
    PrivateKey::from_bytes(&[n; 32]).public_key()
}

/// An operation with a body. The store does not look at signatures and backlinks, so it has none.
pub fn operation(author: PublicKey, seq_num: u64, body: &[u8]) -> (Hash, Header, Body) {
    let body = Body::new(body);
    let header = Header {
        public_key: author,
        payload_size: body.size(),
        payload_hash: Some(body.hash()),
        timestamp: seq_num,
        seq_num,
        ..Header::default()
    };
    (header.hash(), header, body)
}

/// Inserts an operation and tells its hash.
pub async fn insert(
    store: &mut MemoryStore<u64>,
    author: PublicKey,
    log_id: u64,
    seq_num: u64,
) -> Hash {
    let (hash, header, body) = operation(author, seq_num, b"hello");
    let bytes = header.to_bytes();
    store
        .insert_operation(hash, &header, Some(&body), &bytes, &log_id)
        .await
        .expect("infallible");
    hash
}
