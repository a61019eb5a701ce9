// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the memory store costs with 100,000 operations in ten logs.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use p2panda_core::{Body, Hash, Header, PrivateKey, PublicKey};
use p2panda_store::{LogStore, MemoryStore, OperationStore};
use tokio::runtime::{Builder, Runtime};

const LOGS: u64 = 10;
const PER_LOG: u64 = 10_000;

type Operation = (u64, Hash, Header, Vec<u8>);

fn author() -> PublicKey {
    PrivateKey::from_bytes(&[1; 32]).public_key()
}

fn body() -> Body {
    Body::new(&[7; 200])
}

/// Ten logs that are written in turn.
fn operations() -> Vec<Operation> {
    let (public_key, body) = (author(), body());
    (0..LOGS * PER_LOG)
        .map(|n| {
            let header = Header {
                public_key,
                payload_size: body.size(),
                payload_hash: Some(body.hash()),
                timestamp: n,
                seq_num: n / LOGS,
                ..Header::default()
            };
            (n % LOGS, header.hash(), header.clone(), header.to_bytes())
        })
        .collect()
}

async fn insert(store: &mut MemoryStore<u64>, operations: &[Operation]) {
    let body = body();
    for (log_id, hash, header, bytes) in operations {
        store
            .insert_operation(*hash, header, Some(&body), bytes, log_id)
            .await
            .expect("infallible");
    }
}

fn store(runtime: &Runtime, operations: &[Operation]) -> MemoryStore<u64> {
    let mut store = MemoryStore::default();
    runtime.block_on(insert(&mut store, operations));
    store
}

fn memory_store(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let operations = operations();
    let full = store(&runtime, &operations);

    criterion.bench_function("memory_store/get_log_of_10000", |bencher| {
        bencher.iter(|| runtime.block_on(black_box(&full).get_log(&author(), &3, None)))
    });
    criterion.bench_function("memory_store/get_last_100_of_10000", |bencher| {
        bencher
            .iter(|| runtime.block_on(black_box(&full).get_log(&author(), &3, Some(PER_LOG - 100))))
    });
    drop(full);
    criterion.bench_function("memory_store/insert_100000_operations", |bencher| {
        bencher.iter_batched_ref(
            MemoryStore::default,
            |store| runtime.block_on(insert(store, &operations)),
            BatchSize::PerIteration,
        )
    });
    criterion.bench_function("memory_store/delete_10000_of_100000", |bencher| {
        bencher.iter_batched_ref(
            || store(&runtime, &operations),
            |store| runtime.block_on(store.delete_operations(&author(), &3, PER_LOG)),
            BatchSize::PerIteration,
        )
    });
    criterion.bench_function("memory_store/delete_one_of_100000", |bencher| {
        bencher.iter_batched_ref(
            || store(&runtime, &operations),
            |store| runtime.block_on(store.delete_operation(operations[50_000].1)),
            BatchSize::PerIteration,
        )
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = memory_store
}
criterion_main!(benches);
