//! A node leaves a topic and joins it again, faster than its timers run out.

use anyhow::{Context, Result};
use iroh_gossip::proto::TopicId;

use super::{Quick, Scenario};
use crate::gossip::Gossiper;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "topic-rejoin",
    about: "One of two nodes joins a topic, is heard once, and drops both halves of its subscription, again and again",
    event: "topic joined and left again",
    defects: &[
        "timer-chains",
        "receiver-gone-lost",
        "topic-neighbours-grow",
        "peer-topics-stale",
        "half-open-connections",
        "message-ids-never-expire",
        "peer-data-grows",
        "rtt-actor-streams",
        "watchable-wakers",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 90 s for which gossip keeps the id of a message.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 120,
        settle_ms: 100_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(rejoin(run)),
};

async fn rejoin(run: &mut Run) -> Result<()> {
    let topic = TopicId::from_bytes(run.random());
    let stays = Gossiper::spawn(&run.key()).await?;
    let comes = Gossiper::spawn(&run.key()).await?;
    comes.meet(stays.address().await?)?;
    let mut there = stays.subscribe(topic, vec![])?;

    while let Some(event) = run.next().await? {
        let words: [u8; 32] = run.random();
        let mut here = comes.subscribe(topic, vec![stays.id()])?;
        here.joined()
            .await
            .with_context(|| format!("join {event}"))?;
        here.say(&words).await?;
        there.hear(&words).await?;
        drop(here);
        there.lost(comes.id()).await?;
    }

    comes.shutdown().await?;
    stays.shutdown().await
}
