//! Twelve nodes shuffle their views: links between living neighbours come and go.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::Swarm;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "link-churn",
    about: "Twelve nodes with small views shuffle every half second, so that living neighbours let go of each other",
    event: "half a second in the life of twelve nodes that shuffle",
    defects: &["links-linger", "addr-map-grows", "noq-abandoned-paths"],
    // Settled: past the time in which a connection without a use ends.
    quick: Quick {
        events: 192,
        samples: 49,
        warmup_events: 64,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 2_048.0,
    run: |run| Box::pin(shuffle(run)),
};

/// How many nodes there are.
const NODES: usize = 12;

/// How often each shuffles; a minute where nothing is set.
const SHUFFLE_INTERVAL: Duration = Duration::from_millis(500);

async fn shuffle(run: &mut Run) -> Result<()> {
    let membership = HyparviewConfig {
        active_view_capacity: 3,
        shuffle_interval: SHUFFLE_INTERVAL,
        ..HyparviewConfig::default()
    };
    let keys: Vec<_> = (0..NODES).map(|_| run.key()).collect();
    let swarm = Swarm::spawn(keys, membership).await?;
    run.watch(&swarm);
    let topic = TopicId::from_bytes(run.random());
    let mut senders = Vec::new();
    for (at, node) in swarm.nodes.iter().enumerate() {
        // Each comes in by way of the one before it.
        let by: Vec<_> = at
            .checked_sub(1)
            .map(|before| &swarm.nodes[before])
            .into_iter()
            .collect();
        senders.push(node.join(topic, &by).await?);
    }

    while run.next().await?.is_some() {
        sleep(SHUFFLE_INTERVAL).await;
    }
    drop(senders);
    swarm.shutdown().await
}
