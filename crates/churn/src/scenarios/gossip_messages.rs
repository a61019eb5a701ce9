//! Two nodes that stay together talk on one topic.

use anyhow::Result;

use super::{Quick, Scenario};
use crate::node::{self, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "gossip-messages",
    about: "Two nodes on one topic take turns in saying 64 bytes to each other",
    event: "message heard",
    defects: &["message-ids-never-expire", "watchable-wakers"],
    // Settled: past the 30 s for which gossip keeps the payload of a message.
    quick: Quick {
        events: 9600,
        samples: 49,
        warmup_events: 2400,
        settle_ms: 45_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 8.0,
    run: |run| Box::pin(talk(run)),
};

async fn talk(run: &mut Run) -> Result<()> {
    let topic = Topic(run.random());
    let (first, second) = node::pair(node::loopback(run.key()), node::loopback(run.key())).await?;
    let (mut here, mut there) = node::join(&first, &second, topic).await?;
    run.watch(&first);

    while let Some(event) = run.next().await? {
        let said = run.random::<64>();
        let (speaker, listener) = if event % 2 == 0 {
            (&here, &mut there)
        } else {
            (&there, &mut here)
        };
        speaker.say(&said).await?;
        listener.hear(&said).await?;
    }

    second.shutdown().await?;
    first.shutdown().await
}
