//! A watch over a real node.
#![cfg(feature = "p2panda")]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use p2panda_core::PrivateKey;
use p2panda_net::{Limits, Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_store::MemoryStore;
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use vitals::{Marks, Snapshot, Vitals};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [7; 32]
    }
}

async fn node() -> Network<Topic> {
    NetworkBuilder::new([9; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .limits(Limits::default().max_peers(5))
        .build()
        .await
        .unwrap()
}

/// Waits for a round that is as it should be; a hanging test is ended by whoever runs it.
async fn until(vitals: &Vitals, is: impl Fn(&Snapshot) -> bool) {
    let mut seen = None;
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Some(snapshot) = vitals.latest() {
                if is(&snapshot) {
                    return;
                }
                seen = Some(snapshot);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "at last {seen:?}");
}

fn value(snapshot: &Snapshot, name: &str) -> f64 {
    snapshot.get(name).unwrap().value
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_node_and_store_are_told_with_their_bounds() {
    let node = node().await;
    let store = MemoryStore::<u64>::new();
    let vitals = Vitals::builder()
        .network(&node)
        .memory_store(&store)
        .every(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    for _ in 0..20 {
        let known = NodeAddress {
            public_key: PrivateKey::new().public_key(),
            direct_addresses: vec!["127.0.0.1:9".parse().unwrap()],
            relay_url: None,
        };
        node.add_peer(known).await.unwrap();
    }
    let subscription = node.subscribe_guarded(Topic).await.unwrap();
    until(&vitals, |now| {
        let peers = now.get("address_book.peers").unwrap();
        let evicted = value(now, "address_book.evicted_added");
        peers.value == 5.0
            && peers.limit == Some(5.0)
            && evicted == 15.0
            && value(now, "streams.active") == 1.0
            && value(now, "memory_store.operations") == 0.0
            && now.get("incoming.pending").unwrap().limit == Some(65_536.0)
            && value(now, "quic.open_connections") == 0.0
            && now.is_whole()
    })
    .await;

    drop(subscription);
    until(&vitals, |now| value(now, "streams.active") == 0.0).await;
    vitals.shutdown().await;
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_keeps_less_when_memory_runs_out_and_lives() {
    let node = node().await;
    let vitals = Vitals::builder()
        .network(&node)
        // One byte is always used up.
        .memory_max(1)
        .marks(Marks {
            every: Duration::from_millis(50),
            ..Marks::default()
        })
        .every(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    until(&vitals, |now| {
        let calls = now.readings.iter().find(|reading| {
            reading.metric.name == "relief.calls" && reading.label == Some(("relief", "network"))
        });
        calls.is_some_and(|calls| calls.value >= 3.0)
    })
    .await;
    until(&vitals, |now| {
        let failures = value(now, "relief.failures");
        let pressure = value(now, "memory.under_pressure");
        (failures, pressure) == (0.0, 1.0) && now.is_whole()
    })
    .await;
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_ended_is_told_as_ended() {
    let node = node().await;
    let vitals = Vitals::builder()
        .network(&node)
        .every(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    until(&vitals, Snapshot::is_whole).await;
    node.shutdown().await.unwrap();
    until(&vitals, |now| {
        now.ended() == Some(("network", "the network was shut down"))
    })
    .await;
    vitals.shutdown().await;
}
