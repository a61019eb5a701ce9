//! Two nodes that stay together talk on one topic.

use anyhow::Result;
use p2panda_net::NetworkBuilder;

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
    run: |run| Box::pin(talk_briefly(run)),
};

async fn talk_briefly(run: &mut Run) -> Result<()> {
    let (first, second) = (node::loopback(run.key()), node::loopback(run.key()));
    talk::<64>(run, first, second).await
}

/// Has the two take turns in saying that many bytes.
pub(super) async fn talk<const LEN: usize>(
    run: &mut Run,
    first: NetworkBuilder<Topic>,
    second: NetworkBuilder<Topic>,
) -> Result<()> {
    let topic = Topic(run.random());
    let (first, second) = node::pair(first, second).await?;
    let (mut here, mut there) = node::join(&first, &second, topic).await?;
    run.watch(&first);

    while let Some(event) = run.next().await? {
        let said = run.random::<LEN>();
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
