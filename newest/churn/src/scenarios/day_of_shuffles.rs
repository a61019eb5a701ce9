//! Twelve nodes with default settings live a day in a quarter of an hour.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::proto::HyparviewConfig;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::Swarm;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "day-of-shuffles",
    about: "Twelve nodes with default settings shuffle a hundred times as often as by default: 1,440 events are their day",
    event: "shuffle by each of twelve nodes",
    defects: &["links-linger"],
    quick: Quick {
        events: 320,
        samples: 49,
        // By then every node has met every other, and keeps of each as much as it ever will.
        warmup_events: 160,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 2_048.0,
    run: |run| Box::pin(shuffle(run)),
};

/// How many nodes there are.
const NODES: usize = 12;

/// How many times as often as by default they shuffle.
const FASTER: u32 = 100;

async fn shuffle(run: &mut Run) -> Result<()> {
    let default = HyparviewConfig::default();
    let membership = HyparviewConfig {
        shuffle_interval: default.shuffle_interval / FASTER,
        ..default
    };
    let interval: Duration = membership.shuffle_interval;
    let (swarm, _, senders) = Swarm::in_a_topic(run, NODES, membership).await?;

    while run.next().await?.is_some() {
        sleep(interval).await;
    }
    drop(senders);
    swarm.shutdown().await
}
