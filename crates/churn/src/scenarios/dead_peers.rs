//! A node goes on broadcasting while its neighbours are gone.

use anyhow::{Context, Result};
use iroh_gossip::proto::TopicId;

use super::{Quick, Scenario};
use crate::gossip::Gossiper;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "dead-peers",
    about: "A neighbour joins, is heard, and is gone without leaving, and the node broadcasts 16 messages",
    event: "neighbour gone, and 16 messages broadcast",
    defects: &[
        "pending-queue-grows",
        "message-ids-never-expire",
        "peer-data-grows",
        "half-open-connections",
        "stale-peer-entries",
        "topic-neighbours-grow",
        "disco-secrets",
        "node-addresses",
        "rtt-actor-streams",
        "watchable-wakers",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 90 s for which gossip keeps the id of a message. Warm: as many who are gone are dialed, or given a
    // pause, as may be (256), after some 320 of them.
    quick: Quick {
        events: 768,
        samples: 49,
        warmup_events: 352,
        settle_ms: 100_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(broadcast(run)),
};

/// Messages that are broadcast after each neighbour.
const MESSAGES: usize = 16;

async fn broadcast(run: &mut Run) -> Result<()> {
    let topic = TopicId::from_bytes(run.random());
    let hub = Gossiper::spawn(&run.key()).await?;
    let mut here = hub.subscribe(topic, vec![])?;

    while let Some(event) = run.next().await? {
        let words: [u8; 64] = run.random();
        let visitor = Gossiper::spawn(&run.key()).await?;
        visitor.meet(hub.address().await?)?;
        let mut there = visitor.subscribe(topic, vec![hub.id()])?;
        there
            .joined()
            .await
            .with_context(|| format!("visitor {event}"))?;
        there.say(&words).await?;
        here.hear(&words).await?;
        visitor.shutdown().await?;
        drop(there);
        for _ in 0..MESSAGES {
            here.say(&run.random::<64>()).await?;
        }
    }

    hub.shutdown().await
}
