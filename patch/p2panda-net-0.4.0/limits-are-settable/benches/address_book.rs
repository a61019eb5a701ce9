// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the address book costs with 100,000 peers: time per call, and memory per peer.
//!
//! The module is private, so its source is compiled into this benchmark. It uses nothing but what
//! the book has always offered, so the same file measures a crate with and without bounds.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_lite::future::block_on;
use p2panda_core::PublicKey;
#[allow(unused_imports)]
use p2panda_net::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "../src/engine"]
#[allow(dead_code, unused_imports)]
mod engine {
    pub mod address_book;
}

use engine::address_book::AddressBook;

/// Counts the bytes asked for, so that the figure does not depend on an allocator's size classes.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const PEERS: usize = 100_000;
const SAMPLE: usize = 7;
const NETWORK: [u8; 32] = [1; 32];
const CHAT: [u8; 32] = [2; 32];

/// Valid keys are half of all points: far cheaper to find than to generate as pairs.
fn keys(seed: u64, count: usize) -> Vec<PublicKey> {
    let candidates = (0_u64..).filter_map(|n| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        bytes[8..16].copy_from_slice(&seed.to_le_bytes());
        PublicKey::from_bytes(&bytes).ok()
    });
    candidates.take(count).collect()
}

fn address(public_key: PublicKey) -> NodeAddress {
    NodeAddress {
        public_key,
        direct_addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 2022))],
        relay_url: None,
    }
}

fn add_all(book: &mut AddressBook, keys: &[PublicKey]) {
    for key in keys {
        block_on(book.add_peer(address(*key)));
    }
}

/// Stands in for the bounds of a book that has none: what the book itself offers comes first.
#[derive(Default)]
struct PeerLimits {
    #[allow(dead_code)]
    max_peers: usize,
}

#[allow(dead_code)]
trait WithLimits: Sized {
    fn with_limits(self, _: PeerLimits) -> Self {
        self
    }
}

impl WithLimits for AddressBook {}

#[allow(clippy::needless_update)]
fn large_book() -> AddressBook {
    #[allow(unused_imports)]
    use engine::address_book::*;

    AddressBook::new(NETWORK).with_limits(PeerLimits {
        max_peers: PEERS + PEERS / 10,
        ..PeerLimits::default()
    })
}

/// A book with one address and one topic (the network's own) of each peer.
fn book(keys: &[PublicKey]) -> AddressBook {
    let mut book = large_book();
    add_all(&mut book, keys);
    book
}

fn address_book(criterion: &mut Criterion) {
    let known = keys(1, PEERS);
    let fresh = keys(2, PEERS / 100);

    let region = Region::new(ALLOCATOR);
    let mut full = book(&known);
    let held = region.change();
    let held =
        held.bytes_allocated as isize - held.bytes_deallocated as isize + held.bytes_reallocated;
    println!("address_book/bytes_per_peer: {}", held / PEERS as isize);

    criterion.bench_function("address_book/random_set", |bencher| {
        bencher.iter(|| block_on(black_box(&full).random_set(NETWORK, SAMPLE)))
    });
    criterion.bench_function("address_book/random_set_of_few", |bencher| {
        for key in &known[..SAMPLE] {
            block_on(full.add_topic_id(*key, CHAT));
        }
        bencher.iter(|| block_on(black_box(&full).random_set(CHAT, SAMPLE)))
    });
    let mut turn = known.iter().cycle();
    criterion.bench_function("address_book/add_known_peer", |bencher| {
        bencher.iter(|| {
            let key = turn.next().expect("endless");
            block_on(full.add_peer(address(*key)))
        })
    });
    drop(full);
    criterion.bench_function("address_book/add_1000_new_peers", |bencher| {
        bencher.iter_batched_ref(
            || book(&known),
            |book| add_all(book, &fresh),
            BatchSize::PerIteration,
        )
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = address_book
}
criterion_main!(benches);
