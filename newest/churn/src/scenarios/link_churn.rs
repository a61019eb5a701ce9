//! Twelve nodes shuffle their views: living nodes connect to each other for a reply, and let go again.

use std::time::Duration;

use anyhow::{Context, Result};
use iroh_gossip::proto::HyparviewConfig;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::Swarm;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "link-churn",
    about: "Twelve nodes with small views shuffle them, and are then left alone until what they opened for that should have ended",
    event: "shuffle by each of twelve nodes",
    defects: &["links-linger"],
    quick: Quick {
        events: 120,
        samples: 49,
        // By then every node has met every other, and keeps of each as much as it ever will.
        warmup_events: 60,
        // Each event ends settled.
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 2_048.0,
    run: |run| Box::pin(shuffle(run)),
};

/// How many nodes there are.
const NODES: usize = 12;

/// How often each shuffles, and all of them at the same time: the clock jumps, so it costs no more than half a second would. It
/// leaves time for what the fork ends: a connection that no neighbour needs, at most 10 s after its last use.
const SHUFFLE_INTERVAL: Duration = Duration::from_secs(15);

async fn shuffle(run: &mut Run) -> Result<()> {
    let membership = HyparviewConfig {
        active_view_capacity: 3,
        shuffle_interval: SHUFFLE_INTERVAL,
        ..HyparviewConfig::default()
    };
    let (swarm, _, senders) = Swarm::in_a_topic(run, NODES, membership).await?;
    // Just before the next shuffle.
    sleep(SHUFFLE_INTERVAL * 9 / 10).await;

    while let Some(event) = run.next().await? {
        sleep(SHUFFLE_INTERVAL).await;
        swarm
            .check_links()
            .with_context(|| format!("after shuffle {event}"))?;
    }
    drop(senders);
    swarm.shutdown().await
}
