//! A neighbour with whom no sync session succeeds, and an honest one who comes to sync as well.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use p2panda_core::Topic;
use p2panda_sync::protocols::TopicLogSyncEvent;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::owed::owed_within;
use crate::panda::{Panda, by_the_systems_clock, introduce};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "failed-sync",
    about: "A p2panda node has a neighbour with whom each sync session fails, while another one joins, syncs and leaves",
    event: "topic joined, synced and left",
    defects: &["failed-sync-holds-topic"],
    quick: Quick {
        events: 64,
        samples: 43,
        warmup_events: 32,
        // By the system's clock.
        settle_ms: 50,
        seconds_max: 12,
    },
    budget_bytes_per_event: 16_384.0,
    run: |run| Box::pin(sync(run)),
};

/// How long a session may take, by the system's clock: tens of times as long as one does, and less than the 5 s after which a
/// failed one is tried again.
const PATIENCE: Duration = Duration::from_secs(3);

/// By then the session that the other node asked for has begun as well.
const BOTH: Duration = Duration::from_millis(50);

async fn sync(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let topic = Topic::from(run.random());
    let stays = Panda::spawn(run.random()).await?;
    let staying = stays.sync().await?;
    let _stays_in = staying.stream(topic, true).await?;
    // In the overlay of the topic, but without sync
    let fails = Panda::spawn(run.random()).await?;
    introduce(&fails, &stays).await?;
    let mut overlays = Vec::new();
    for overlay in stays.topics().await? {
        overlays.push(fails.gossip.stream(overlay).await?);
    }
    let comes = Panda::spawn(run.random()).await?;
    let coming = comes.sync().await?;
    introduce(&comes, &stays).await?;

    while run.next().await?.is_some() {
        let stream = coming.stream(topic, true).await?;
        let mut events = stream.subscribe().await?;
        owed_within(PATIENCE, "a sync session", async {
            loop {
                let said = events.next().await.context("the topic has ended")??;
                if matches!(said.event, TopicLogSyncEvent::LiveModeStarted) {
                    return Ok(());
                }
            }
        })
        .await?;
        sleep(BOTH).await;
    }
    Ok(())
}
