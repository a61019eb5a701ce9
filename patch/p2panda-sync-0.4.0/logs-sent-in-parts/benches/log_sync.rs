// SPDX-License-Identifier: MIT OR Apache-2.0

//! What it costs to sync a log of 100,000 small operations to a peer that has none of them: time, and the most memory that is
//! held at once, beside that for a tenth of the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use futures::future::try_join;
use futures::{SinkExt, sink};
use p2panda_core::{Body, Header, PrivateKey, PublicKey};
use p2panda_store::{MemoryStore, OperationStore};
use p2panda_sync::log_sync::{LogSyncProtocol, TopicLogMap};
use p2panda_sync::{SyncError, SyncProtocol, TopicQuery};
use serde::{Deserialize, Serialize};
use tikv_jemalloc_ctl::{Access, AsName};
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{Builder, Runtime};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

/// jemalloc, because it can say how much a thread held at most.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const OPERATIONS: u64 = 100_000;
const BODY_LEN: usize = 64;

/// Bytes on their way between the peers.
const PIPE_LEN: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

#[derive(Debug)]
struct OneLog;

#[async_trait]
impl TopicLogMap<Topic, u64> for OneLog {
    async fn get(&self, _topic: &Topic) -> Option<HashMap<PublicKey, Vec<u64>>> {
        Some(HashMap::from([(author(), vec![0])]))
    }
}

fn author() -> PublicKey {
    PrivateKey::from_bytes(&[1; 32]).public_key()
}

async fn full_store(operations: u64) -> MemoryStore<u64> {
    let mut store = MemoryStore::default();
    let body = Body::new(&[200; BODY_LEN]);
    for seq_num in 0..operations {
        let header = Header::<()> {
            public_key: author(),
            payload_size: body.size(),
            payload_hash: Some(body.hash()),
            seq_num,
            ..Header::default()
        };
        let bytes = header.to_bytes();
        store
            .insert_operation(header.hash(), &header, Some(&body), &bytes, &0)
            .await
            .expect("infallible");
    }
    store
}

/// A whole session, both sides of it.
async fn sync(full: MemoryStore<u64>) -> Result<(), SyncError> {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (our_rx, our_tx) = tokio::io::split(ours);
    let (their_rx, their_tx) = tokio::io::split(theirs);
    let (mut our_rx, mut our_tx) = (our_rx.compat(), our_tx.compat_write());
    let (mut their_rx, mut their_tx) = (their_rx.compat(), their_tx.compat_write());
    let mut our_app = sink::drain().sink_map_err(|never| match never {});
    let mut their_app = sink::drain().sink_map_err(|never| match never {});
    let accepting = Arc::new(LogSyncProtocol::new(OneLog, full)).accept(
        Box::new(&mut our_tx),
        Box::new(&mut our_rx),
        Box::new(&mut our_app),
    );
    let initiating = Arc::new(LogSyncProtocol::new(OneLog, MemoryStore::<u64>::default()))
        .initiate(
            Topic,
            Box::new(&mut their_tx),
            Box::new(&mut their_rx),
            Box::new(&mut their_app),
        );
    try_join(accepting, initiating).await.map(|_| ())
}

/// The most bytes that both sides of a session hold at once, beyond the log itself; to within 64 KiB.
fn peak_bytes(full: MemoryStore<u64>) -> u64 {
    // On a thread of its own, as the peak is that of a thread's whole life.
    let session = thread::spawn(move || {
        runtime().block_on(sync(full)).expect("a session");
        b"thread.peak.read\0".name().read()
    });
    let peak = session.join().expect("no panic");
    peak.expect("the allocator keeps statistics")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

fn log_sync(criterion: &mut Criterion) {
    let runtime = runtime();
    let full = runtime.block_on(full_store(OPERATIONS));
    let tenth = runtime.block_on(full_store(OPERATIONS / 10));
    println!(
        "log_sync/peak_bytes_of_10000_operations: {}",
        peak_bytes(tenth)
    );
    println!(
        "log_sync/peak_bytes_of_100000_operations: {}",
        peak_bytes(full.clone())
    );
    let mut group = criterion.benchmark_group("log_sync");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function("sync_100000_operations", |bencher| {
        bencher.iter(|| runtime.block_on(sync(full.clone())).expect("a session"))
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = log_sync
}
criterion_main!(benches);
