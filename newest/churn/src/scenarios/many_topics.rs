//! Two nodes that stay together join more topics than a connection may have streams, and leave each.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use p2panda_core::Topic;
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::panda::{Panda, by_the_systems_clock};
use crate::run::{Dead, Run};

pub const SCENARIO: Scenario = Scenario {
    name: "many-topics",
    about: "Two p2panda nodes join a topic, one says something that the other hears, and both leave",
    event: "topic joined and left by both",
    defects: &["topic-streams-stay", "gossip-topics-grow"],
    quick: Quick {
        events: 384,
        samples: 49,
        // The fork levels off after 100, with the streams that stay open and what SQLite has cached.
        warmup_events: 128,
        // By the system's clock.
        settle_ms: 50,
        seconds_max: 12,
    },
    budget_bytes_per_event: 2_048.0,
    run: |run| Box::pin(come_and_go(run)),
};

/// How long what was said may take to be heard, by the system's clock.
const PATIENCE: Duration = Duration::from_secs(20);

async fn come_and_go(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let first = Panda::spawn(run.random()).await?;
    let second = Panda::spawn(run.random()).await?;
    first.meet(&second).await?;

    while let Some(event) = run.next().await? {
        let topic = Topic::from(run.random());
        let there = second.gossip.stream(topic).await?;
        let mut heard = there.subscribe();
        first.book.add_topic(second.id(), topic).await?;
        let here = first.gossip.stream(topic).await?;
        here.publish(topic.as_bytes().to_vec()).await?;
        let Ok(said) = timeout(PATIENCE, heard.next()).await else {
            let seconds = PATIENCE.as_secs();
            bail!(Dead(format!(
                "after {event} topics, nothing said in the next is heard within {seconds} s"
            )));
        };
        said.with_context(|| format!("topic {event} has ended"))??;
        first.book.remove_topic(second.id(), topic).await?;
    }
    Ok(())
}
