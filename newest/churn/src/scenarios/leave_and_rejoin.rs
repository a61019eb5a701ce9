//! A node leaves a topic and joins it again, faster than its timers run out.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::proto::TopicId;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "leave-and-rejoin",
    about: "A node leaves a topic in which nobody else is, and joins it again at once, again and again",
    event: "topic left and joined again",
    defects: &["timer-chains-101"],
    // Settled: past the minute after which a node shuffles, so that each timer has fired.
    quick: Quick {
        events: 1_536,
        samples: 49,
        // A heap of timers doubles its room: at 512 and 1,024 of them in what is judged.
        warmup_events: 256,
        settle_ms: 70_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 16.0,
    run: |run| Box::pin(rejoin(run)),
};

/// How long it is away: enough to be seen to have left, and too short for a timer to end by the way.
const AWAY: Duration = Duration::from_millis(1);

async fn rejoin(run: &mut Run) -> Result<()> {
    let swarm = node::idle(run.key()).await?;
    let topic = TopicId::from_bytes(run.random());
    let node = &swarm.nodes[0];
    let mut here = node.subscribe(topic, &[]).await?;

    while run.next().await?.is_some() {
        drop(here);
        sleep(AWAY).await;
        here = node.subscribe(topic, &[]).await?;
    }
    swarm.shutdown().await
}
