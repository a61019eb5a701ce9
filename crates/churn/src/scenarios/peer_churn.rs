//! A node stays, others come, say something, and go.

use anyhow::{Context, Result};

use super::{Quick, Scenario};
use crate::node::{self, Node, Subscription, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "peer-churn",
    about: "A node stays while real nodes join its topic one after the other, exchange a message with it, and leave",
    event: "peer joined, was heard, and left",
    // Those whose bytes a heap profile of the untouched side shows, and those that feed them.
    defects: &[
        "address-book-grows",
        "disco-secrets",
        "half-open-connections",
        "message-ids-never-expire",
        "node-addresses",
        "peer-data-grows",
        "pending-queue-grows",
        "phantom-neighbours",
        "rtt-actor-streams",
        "stale-peer-entries",
        "topic-neighbours-grow",
        "watchable-wakers",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 30 s after which a connection without an answer ends, and the 50 s after which iroh's node map lets
    // go of who was there. Warm: what is kept for two minutes or up to a bound has come to it, after some 140 visitors.
    quick: Quick {
        events: 384,
        samples: 49,
        warmup_events: 184,
        settle_ms: 60_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(come_and_go(run)),
};

async fn come_and_go(run: &mut Run) -> Result<()> {
    let topic = Topic(run.random());
    // Somebody else has to be there already: a node that is alone does not join the overlay of its own topic.
    let hub = node::with_small_book(node::loopback(run.key()));
    let anchor = node::with_small_book(node::loopback(run.key()));
    let (hub, anchor) = node::pair(hub, anchor).await?;
    let (mut here, mut there) = node::join(&hub, &anchor, topic).await?;
    let hub_address = node::address(&hub).await?;
    run.watch(&hub);

    while let Some(event) = run.next().await? {
        let visitor = node::loopback(run.key()).build().await?;
        visitor.add_peer(hub_address.clone()).await?;
        let words = [run.random(), run.random()];
        visit(&visitor, topic, &mut here, words)
            .await
            .with_context(|| format!("visitor {event}"))?;
        visitor.shutdown().await?;
        there.ignore();
    }

    anchor.shutdown().await?;
    hub.shutdown().await
}

/// Joins the topic, says something and waits for the answer.
async fn visit(
    visitor: &Node,
    topic: Topic,
    hub: &mut Subscription,
    [greeting, answer]: [[u8; 32]; 2],
) -> Result<()> {
    let mut own = node::subscribe(visitor, topic).await?;
    own.joined().await?;
    own.say(&greeting).await?;
    hub.hear(&greeting).await?;
    hub.say(&answer).await?;
    own.hear(&answer).await
}
