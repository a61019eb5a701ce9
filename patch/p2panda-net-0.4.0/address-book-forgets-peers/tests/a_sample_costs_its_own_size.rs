// SPDX-License-Identifier: MIT OR Apache-2.0

//! What choosing random peers from the address book allocates: a count, which no other load changes.
//!
//! The module is private, so its source is compiled into this test.

use futures_lite::future::block_on;
use p2panda_core::{PrivateKey, PublicKey};
#[allow(unused_imports)]
use p2panda_net::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "../src/engine"]
#[allow(dead_code, unused_imports)]
mod engine {
    pub mod address_book;
}

use engine::address_book::AddressBook;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const NETWORK: [u8; 32] = [1; 32];
const CHAT: [u8; 32] = [2; 32];

#[test]
fn a_sample_of_seven_allocates_for_seven_however_many_are_interested() {
    let mut book = AddressBook::new(NETWORK);
    add_interested(&mut book, 7);
    let of_seven = bytes_of_a_sample(&book);

    add_interested(&mut book, 1000);
    let of_many = bytes_of_a_sample(&book);

    assert!(
        of_many <= 2 * of_seven,
        "7 of 7 peers took {of_seven} bytes, 7 of 1007 took {of_many}"
    );
}

fn add_interested(book: &mut AddressBook, peers: usize) {
    for _ in 0..peers {
        let peer: PublicKey = PrivateKey::new().public_key();
        block_on(book.add_topic_id(peer, CHAT));
    }
}

/// The fewest of many, since tests that run beside this one can only add to it.
fn bytes_of_a_sample(book: &AddressBook) -> usize {
    let sample = || {
        let region = Region::new(ALLOCATOR);
        let sample = block_on(book.random_set(CHAT, 7));
        let bytes = region.change().bytes_allocated;
        assert_eq!(sample.len(), 7);
        bytes
    };
    (0..100).map(|_| sample()).min().unwrap_or_default()
}
