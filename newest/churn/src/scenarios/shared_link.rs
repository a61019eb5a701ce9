//! Two nodes have two topics in common, and one of them leaves one.

use anyhow::Result;
use iroh_gossip::proto::{HyparviewConfig, TopicId};

use super::{Quick, Scenario};
use crate::node::Swarm;
use crate::owed::owed;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "shared-link",
    about: "Two nodes that stay in one topic join and leave another, and hear each other in the first as before",
    event: "second topic joined and left, and a question and an answer in the first",
    defects: &["one-topic-closes-all", "links-linger"],
    // Settled: past the 10 s after which a connection without a use ends.
    quick: Quick {
        events: 96,
        samples: 49,
        warmup_events: 48,
        settle_ms: 15_000,
        seconds_max: 12,
    },
    // The process takes 64 KiB once, as late as it happens; a connection is four times as much.
    budget_bytes_per_event: 8_192.0,
    run: |run| Box::pin(share(run)),
};

async fn share(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key(), run.key()], HyparviewConfig::default()).await?;
    run.watch(&swarm);
    let [first, second] = [(); 2].map(|()| TopicId::from_bytes(run.random()));
    let [stays, leaves] = &swarm.nodes[..] else {
        unreachable!("two keys, two nodes");
    };
    let (mut there, mut here) = stays.joined_by(leaves, first, "the first join").await?;
    let mut other = stays.subscribe(second, &[]).await?;

    while run.next().await?.is_some() {
        let mut left = leaves.subscribe(second, &[stays]).await?;
        owed("the second topic", left.gained(stays.id())).await?;
        drop(left);
        owed("word that it left", other.lost(leaves.id())).await?;
        let (question, answer) = (run.random::<32>(), run.random::<32>());
        here.say(&question).await?;
        owed("what was said in the first topic", there.hear(&question)).await?;
        there.say(&answer).await?;
        owed("the answer in the first topic", here.hear(&answer)).await?;
    }
    swarm.shutdown().await
}
