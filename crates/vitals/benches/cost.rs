//! What watching costs: a guard around each thing an application opens, and a round of reading.
//!
//!     cargo bench -p vitals

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use p2panda_core::PrivateKey;
use p2panda_net::{Limits, Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_store::MemoryStore;
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::runtime;
use vitals::{Tracker, Vitals};

/// What the node under watch knows.
const PEERS: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [7; 32]
    }
}

fn track(criterion: &mut Criterion) {
    let tracker = Tracker::default();
    let _open: Vec<_> = (0..10_000).map(|_| tracker.track("stream", "a")).collect();
    criterion.bench_function("track among 10,000 that are open", |bencher| {
        bencher.iter(|| drop(tracker.track("stream", "b")));
    });
}

/// In time that this thread computed, which is all that watch and node do: other programs on the machine do not count.
fn collect(criterion: &mut Criterion) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let node = runtime.block_on(node());
    criterion.bench_function("a round over a node with 10,000 peers", |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(computed_in(rounds, &node)));
    });
}

async fn computed_in(rounds: u64, node: &Network<Topic>) -> Duration {
    let round = Arc::new(AtomicU64::new(0));
    let counted = round.clone();
    let vitals = Vitals::builder()
        .network(node)
        .memory_store(&MemoryStore::<u64>::new())
        .source("rounds", vec![], move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(vec![]) }
        })
        // As often as the runtime's clock ticks.
        .every(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let until = async |number| {
        while round.load(Ordering::Relaxed) < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until(1).await;
    let before = computed();
    until(1 + rounds).await;
    let after = computed();
    vitals.shutdown().await;
    after - before
}

/// How long this thread has been running, as the kernel counts it.
fn computed() -> Duration {
    let counts = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(counts.split(' ').next().unwrap().parse().unwrap())
}

async fn node() -> Network<Topic> {
    let node = NetworkBuilder::new([9; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .limits(Limits::default().max_peers(PEERS))
        .build()
        .await
        .unwrap();
    for _ in 0..PEERS {
        node.add_peer(NodeAddress {
            public_key: PrivateKey::new().public_key(),
            direct_addresses: vec!["127.0.0.1:9".parse().unwrap()],
            relay_url: None,
        })
        .await
        .unwrap();
    }
    assert_eq!(node.stats().await.unwrap().address_book.peers, PEERS);
    node
}

criterion_group!(cost, track, collect);
criterion_main!(cost);
