//! Two nodes stay in one topic and visit others, more of them than a connection may have streams.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::Swarm;
use crate::owed::owed;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "visited-topics",
    about: "Two nodes that stay in one topic meet in another one, and leave it one after the other",
    event: "topic visited by both, and a word said there",
    defects: &["topic-streams-stay", "one-topic-closes-all"],
    quick: Quick {
        events: 320,
        samples: 41,
        // The fork levels off after a minute, for which a topic's timers wait, and 32 streams that stay open.
        warmup_events: 80,
        settle_ms: 1_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(visit(run)),
};

/// How long after one topic the next one is visited.
const BETWEEN: Duration = Duration::from_secs(1);

async fn visit(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key(), run.key()], HyparviewConfig::default()).await?;
    let [leaves_last, leaves_first] = &swarm.nodes[..] else {
        unreachable!("two keys, two nodes");
    };
    let lasting = TopicId::from_bytes(run.random());
    let first = leaves_last.joined_by(leaves_first, lasting, "the first join");
    let _stay = first.await?;

    while run.next().await?.is_some() {
        let visited = TopicId::from_bytes(run.random());
        let one_more = "a neighbour in one more topic";
        let (mut there, mut here) = leaves_first
            .joined_by(leaves_last, visited, one_more)
            .await?;
        let words = run.random::<32>();
        here.say(&words).await?;
        owed("what is said in one more topic", there.hear(&words)).await?;
        drop(there);
        owed("word that the other left", here.lost(leaves_first.id())).await?;
        drop(here);
        sleep(BETWEEN).await;
    }
    swarm.shutdown().await
}
