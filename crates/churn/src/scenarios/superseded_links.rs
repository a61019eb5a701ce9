//! A living neighbour connects again and again, and lets its older connections be.

use anyhow::{Context, Result};
use iroh_gossip::proto::TopicId;

use super::{Quick, Scenario};
use crate::gossip::{Gossiper, Link};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "superseded-links",
    about: "A neighbour opens one connection after the other to a node and joins on each, without closing those before it",
    event: "connection that takes over from the one before it",
    defects: &[
        "inbound-unlimited",
        "half-open-connections",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 10 s after which a connection without a use ends, and the seconds in which it drains.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 120,
        settle_ms: 30_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(reconnect(run)),
};

async fn reconnect(run: &mut Run) -> Result<()> {
    let topic = TopicId::from_bytes(run.random());
    let hub = Gossiper::spawn(&run.key()).await?;
    let mut here = hub.subscribe(topic, vec![])?;
    let address = hub.address().await?;
    let neighbour = node::endpoint(&run.key()).await?;

    let mut links = vec![Link::open(&neighbour, address.clone(), topic).await?];
    here.joined().await?;
    while let Some(event) = run.next().await? {
        let link = Link::open(&neighbour, address.clone(), topic);
        links.push(link.await.with_context(|| format!("connection {event}"))?);
        links.retain(Link::is_open);
    }

    neighbour.close().await;
    hub.shutdown().await
}
