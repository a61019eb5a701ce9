//! A node stays in a topic, another one comes again and again, syncs with it, and leaves.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use p2panda_core::Topic;
use p2panda_sync::protocols::TopicLogSyncEvent;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::panda::{Panda, by_the_systems_clock, introduce};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "sync-sessions",
    about: "A p2panda node syncs a topic with one that stays in it, and leaves the topic, again and again",
    event: "topic joined, synced and left",
    defects: &["sync-session-maps", "gossip-topics-grow"],
    quick: Quick {
        events: 100,
        samples: 49,
        // What the process keeps of sessions levels off after some 400.
        warmup_events: 50,
        // By the system's clock.
        settle_ms: 50,
        seconds_max: 12,
    },
    budget_bytes_per_event: 8_192.0,
    run: |run| Box::pin(sync(run)),
};

/// By then the session that the other node asked for has begun as well.
const BOTH: Duration = Duration::from_millis(100);

/// Live, as only then do both ends agree on which of them closes. Else one may close before the other has read all, whose session
/// has failed then; and an untouched node that has seen one fail does nothing in its topic for 5 s.
async fn sync(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let topic = Topic::from(run.random());
    let stays = Panda::spawn(run.random()).await?;
    let staying = stays.sync().await?;
    let _stays_in = staying.stream(topic, true).await?;
    let comes = Panda::spawn(run.random()).await?;
    let coming = comes.sync().await?;
    introduce(&comes, &stays).await?;

    while let Some(event) = run.next().await? {
        let stream = coming.stream(topic, true).await?;
        let mut events = stream.subscribe().await?;
        loop {
            let said = events.next().await;
            let said = said.with_context(|| format!("session {event} is gone"))??;
            // One that fails is begun again.
            if matches!(said.event, TopicLogSyncEvent::LiveModeStarted) {
                break;
            }
        }
        sleep(BOTH).await;
    }
    Ok(())
}
