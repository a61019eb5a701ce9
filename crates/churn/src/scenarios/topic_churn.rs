//! Two nodes that stay together subscribe to ever new topics and let go of them.

use anyhow::{Context, Result};
use p2panda_net::config::GossipConfig;

use super::{Quick, Scenario};
use crate::node::{self, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "topic-churn",
    about: "Two nodes join the overlay of a new topic, say something, and drop both halves of their subscriptions",
    event: "topic joined and dropped by both",
    defects: &[
        "streams-never-close",
        "leave-keeps-sender",
        "message-ids-never-expire",
        "receiver-gone-lost",
        "watchable-wakers",
    ],
    // Settled: past the 30 s for which gossip keeps the payload of a message.
    quick: Quick {
        events: 192,
        samples: 49,
        warmup_events: 48,
        settle_ms: 45_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 1024.0,
    run: |run| Box::pin(come_and_go(run)),
};

/// Bytes a gossip message may have. The untouched crates announce every topic ever subscribed to in one message, and
/// past some 60 of them the default (4 KiB) would end the very conversation that is to be measured
/// (announcements-mute-gossip).
const MAX_MESSAGE_SIZE: usize = 1 << 20;

async fn come_and_go(run: &mut Run) -> Result<()> {
    let config = GossipConfig {
        max_message_size: MAX_MESSAGE_SIZE,
    };
    let (first, second) = node::pair(
        node::loopback(run.key()).gossip(config.clone()),
        node::loopback(run.key()).gossip(config),
    )
    .await?;
    run.watch(&first);

    while let Some(event) = run.next().await? {
        let topic = Topic(run.random());
        let (here, mut there) = node::join(&first, &second, topic)
            .await
            .with_context(|| format!("topic {event}"))?;
        here.say(&topic.0).await?;
        there.hear(&topic.0).await?;
    }

    second.shutdown().await?;
    first.shutdown().await
}
