//! A node joins ever new topics in which nobody else is, and leaves them.

use anyhow::Result;
use p2panda_core::Topic;

use super::{Quick, Scenario};
use crate::panda::{Panda, by_the_systems_clock};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "topic-leave",
    about: "A p2panda node joins a topic in which nobody else is, says something, and leaves",
    event: "topic joined and left",
    defects: &["gossip-topics-grow"],
    quick: Quick {
        events: 384,
        samples: 49,
        warmup_events: 128,
        // By the system's clock.
        settle_ms: 50,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(come_and_go(run)),
};

async fn come_and_go(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let node = Panda::spawn(run.random()).await?;

    while run.next().await?.is_some() {
        let topic = Topic::from(run.random());
        let stream = node.gossip.stream(topic).await?;
        stream.publish(topic.as_bytes().to_vec()).await?;
    }
    Ok(())
}
