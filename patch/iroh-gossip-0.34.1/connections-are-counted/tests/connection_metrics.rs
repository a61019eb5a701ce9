//! The counters of connections, in a process of their own: they count for all nodes of a process together.

mod common;
#[path = "common/listener.rs"]
mod listener;

use std::time::Duration;

use iroh_gossip::{
    metrics::Metrics,
    net::{ConnectionLimits, ConnectionMetrics, Gossip},
};
use iroh_metrics::core::{Core, Metric};
use n0_future::time::sleep;

use self::{
    common::{connect, endpoint, in_time, Node},
    listener::Listener,
};

#[tokio::test]
async fn pairs_of_counters_agree_and_what_is_refused_is_counted() {
    Core::init(|registry, metrics| {
        metrics.insert(Metrics::new(registry));
        metrics.insert(ConnectionMetrics::new(registry));
    });
    let count = ConnectionMetrics::try_get().unwrap();
    let held = || count.connections_opened.get() - count.connections_closed.get();
    let peers = || count.peers_connected.get() - count.peers_disconnected.get();

    let mut limits = ConnectionLimits::default();
    limits.accepted_from_strangers = 2;
    limits.stranger_grace = Duration::from_secs(5);
    let builder = Gossip::builder().connection_limits(limits);
    let (alice, bob) = (Node::spawn_with(builder).await, Node::spawn().await);
    let alice_topic = alice.join(&[]).await;
    let bob_topic = bob.join(&[&alice]).await;
    assert_eq!((held(), peers()), (2, 2), "one at either node");

    let (stranger, mut conns) = (endpoint().await, Vec::new());
    for _ in 0..3 {
        conns.push(connect(&stranger, &alice).await);
    }
    for conn in &conns {
        in_time(conn.closed()).await;
    }
    in_time(until(|| (held(), peers()) == (2, 2))).await;
    assert_eq!(count.connections_evicted.get(), 1);
    assert_eq!(count.connections_unused.get(), 2);

    assert_eq!(count.msgs_dropped.get(), 0);
    let refusing = Listener::known_to(&alice).await;
    alice_topic
        .tx
        .join_peers(vec![refusing.id()])
        .await
        .unwrap();
    refusing.dialed().await.refuse();
    in_time(until(|| count.msgs_dropped.get() == 1)).await;
    assert_eq!(
        Metrics::try_get().unwrap().actor_tick_dialer_failure.get(),
        1
    );

    drop((alice_topic, bob_topic));
    in_time(until(|| (held(), peers()) == (0, 0))).await;
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        sleep(Duration::from_millis(10)).await;
    }
}
