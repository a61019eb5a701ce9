//! One peer comes back for a sync session again and again, each time on a connection of its own.

use anyhow::{Context, Result};
use p2panda_net::SyncConfiguration;

use super::gossip_locks::{SYNC_ALPN, initiate, one_log};
use super::{Quick, Scenario};
use crate::node::{self, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "resync-connections",
    about: "The same peer connects to one node, syncs a log that has nothing new, and closes the connection",
    event: "connection opened, synced on, and closed",
    defects: &["rtt-actor-streams", "weak-handle-pins-connection"],
    // Settled: past the few seconds in which a closed connection drains.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 120,
        settle_ms: 10_000,
        seconds_max: 8,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(come_back(run)),
};

async fn come_back(run: &mut Run) -> Result<()> {
    let topic = Topic(run.random());
    let key = run.key();
    let protocol = one_log(&key).await?;
    let hub = node::loopback(key)
        .sync(SyncConfiguration::new(protocol))
        .build()
        .await?;
    // The untouched node panics over a session for a topic to which nobody subscribed (unknown-topic-panics), and stops
    // over a subscription that nobody reads.
    let mut subscription = node::subscribe(&hub, topic).await?;
    let hub_address = hub.endpoint().node_addr().await?;
    run.watch(&hub);

    let key = run.key();
    let visitor = node::endpoint(&key).await?;
    while let Some(event) = run.next().await? {
        let connection = visitor.connect(hub_address.clone(), SYNC_ALPN).await?;
        initiate(&connection, topic, one_log(&key).await?)
            .await
            .with_context(|| format!("session {event}"))?;
        connection.close(0_u32.into(), b"");
        subscription.ignore();
    }

    visitor.close().await;
    hub.shutdown().await
}
