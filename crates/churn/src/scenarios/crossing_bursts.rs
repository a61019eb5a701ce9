//! Bursts that cross: the application and its peer speak at once, while the application subscribes.

use anyhow::Result;
use futures_util::future::try_join_all;

use super::{Quick, Scenario};
use crate::node::{self, Subscription, Topic};
use crate::owed::serves;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "crossing-bursts",
    about: "An application and its peer say 300 things at once on each of two topics, while it makes 360 subscriptions to one; \
            then they talk",
    event: "bursts of both, and a message heard each way",
    defects: &["sync-actor-deadlocks", "message-ids-never-expire"],
    // Settled: past the 90 s for which gossip knows a message.
    quick: Quick {
        events: 48,
        samples: 41,
        warmup_events: 16,
        settle_ms: 120_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(burst(run)),
};

/// Messages of a burst: more than the inbox of the task that gossips holds, which is 256.
const BURST: usize = 300;

/// Subscriptions that are made at once, more than the engine's inbox holds, which is 64, and how often: when a burst has begun
/// to arrive is not known.
const SUBSCRIPTIONS: usize = 120;
const TIMES: usize = 3;

async fn burst(run: &mut Run) -> Result<()> {
    let (node, peer) = node::pair(node::loopback(run.key()), node::loopback(run.key())).await?;
    run.watch(&node);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    let topics = [Topic(run.random()), Topic(run.random())];
    for topic in topics {
        let (ours, theirs) = node::join(&node, &peer, topic).await?;
        here.push(ours);
        there.push(theirs);
    }
    while run.next().await?.is_some() {
        let said: Vec<_> = (0..BURST).map(|_| run.random::<32>()).collect();
        let (question, answer) = (run.random::<32>(), run.random::<32>());
        serves(async {
            let ours = try_join_all(here.iter().map(|ours| say_all(ours, &said)));
            let said: Vec<_> = said.iter().map(|said| said.map(|byte| !byte)).collect();
            let theirs = try_join_all(there.iter().map(|theirs| say_all(theirs, &said)));
            let more = async {
                for _ in 0..TIMES {
                    let subscribe = |_| node::subscribe(&node, topics[0]);
                    try_join_all((0..SUBSCRIPTIONS).map(subscribe)).await?;
                }
                Ok(())
            };
            tokio::try_join!(ours, theirs, more)?;
            for (ours, theirs) in here.iter_mut().zip(&mut there) {
                theirs.say(&question).await?;
                ours.hear(&question).await?;
                ours.say(&answer).await?;
                theirs.hear(&answer).await?;
            }
            Ok(())
        })
        .await?;
    }
    peer.shutdown().await?;
    node.shutdown().await
}

async fn say_all(speaker: &Subscription, said: &[[u8; 32]]) -> Result<()> {
    for said in said {
        speaker.say(said).await?;
    }
    Ok(())
}
