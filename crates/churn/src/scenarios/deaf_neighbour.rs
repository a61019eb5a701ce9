//! A neighbour that reads no more, and holds its connection.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::proto::TopicId;
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::gossip::{Gossiper, Link};
use crate::node;
use crate::owed::serves;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "deaf-neighbour",
    about: "A neighbour stops the stream on which a node gossips to it, and is disconnected as the node goes on speaking",
    event: "neighbour connected, stopped its stream, and was disconnected",
    defects: &[
        "dead-send-half-never-heals",
        "message-ids-never-expire",
        "half-open-connections",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 90 s for which gossip keeps the id of a message.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 160,
        settle_ms: 100_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(stop_listening(run)),
};

async fn stop_listening(run: &mut Run) -> Result<()> {
    let topic = TopicId::from_bytes(run.random());
    let hub = Gossiper::spawn(&run.key()).await?;
    let mut here = hub.subscribe(topic, vec![])?;
    let address = hub.address().await?;
    let neighbour = node::endpoint(&run.key()).await?;
    while run.next().await?.is_some() {
        let mut link = Link::open(&neighbour, address.clone(), topic).await?;
        link.stop_listening()?;
        serves(async {
            while timeout(Duration::from_secs(1), link.closed())
                .await
                .is_err()
            {
                here.say(&run.random::<32>()).await?;
            }
            here.lost(neighbour.node_id()).await
        })
        .await?;
    }
    neighbour.close().await;
    hub.shutdown().await
}
