//! Two nodes that sync many topics, one of which one of them leaves and joins again.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{FutureExt, StreamExt};
use p2panda_core::Topic;
use p2panda_sync::protocols::TopicLogSyncEvent;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::owed::owed_within;
use crate::panda::{PATIENCE, Panda, by_the_systems_clock, introduce};
use crate::run::{Dead, Run};

pub const SCENARIO: Scenario = Scenario {
    name: "synced-topics",
    about: "A p2panda node syncs 16 topics, in one of which another node joins, syncs and leaves: by a session of each, not of 16",
    event: "topic joined, synced and left",
    defects: &["gossip-topics-grow"],
    quick: Quick {
        events: 48,
        samples: 43,
        warmup_events: 20,
        // By the system's clock.
        settle_ms: 50,
        seconds_max: 12,
    },
    budget_bytes_per_event: 16_384.0,
    run: |run| Box::pin(sync(run)),
};

const TOPICS: usize = 16;

/// One that each of them asked for, and one that was begun again.
const SESSIONS_MAX: usize = 3;

/// By then all sessions that were asked for have begun.
const ALL: Duration = Duration::from_millis(80);

async fn sync(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let stays = Panda::spawn(run.random()).await?;
    let staying = stays.sync().await?;
    let comes = Panda::spawn(run.random()).await?;
    let coming = comes.sync().await?;
    let topic = Topic::from(run.random());
    let mut streams = vec![staying.stream(topic, true).await?];
    introduce(&comes, &stays).await?;
    for _ in 1..TOPICS {
        let other = Topic::from(run.random());
        streams.push(staying.stream(other, true).await?);
    }

    while run.next().await?.is_some() {
        let stream = coming.stream(topic, true).await?;
        let mut events = stream.subscribe().await?;
        let mut sessions = 0;
        owed_within(PATIENCE, "a sync session", async {
            loop {
                let said = events.next().await.context("the topic has ended")??;
                match said.event {
                    TopicLogSyncEvent::SyncStarted { .. } => sessions += 1,
                    TopicLogSyncEvent::LiveModeStarted => return Ok(()),
                    _ => {}
                }
            }
        })
        .await?;
        sleep(ALL).await;
        while let Some(Some(said)) = events.next().now_or_never() {
            sessions += usize::from(matches!(said?.event, TopicLogSyncEvent::SyncStarted { .. }));
        }
        if sessions > SESSIONS_MAX {
            let many = format!("{sessions} sync sessions are begun in one topic with one node");
            return Err(Dead(many).into());
        }
    }
    Ok(())
}
