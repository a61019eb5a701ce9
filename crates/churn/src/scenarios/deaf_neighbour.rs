//! A neighbour that reads no more, holds its connection, and is there again when it is asked.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::net::GOSSIP_ALPN;
use iroh_gossip::proto::TopicId;
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::gossip::{Gossiper, Link};
use crate::node;
use crate::owed::{owed, serves};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "deaf-neighbour",
    about: "A neighbour stops the stream on which a node gossips to it; it is disconnected as the node goes on speaking, \
            and dialled again",
    event: "neighbour stopped its stream, was disconnected, and dialled again",
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
    neighbour.set_alpns(vec![GOSSIP_ALPN.to_vec()])?;
    hub.meet(neighbour.node_addr().await?)?;
    let mut link = Link::open(&neighbour, address, topic).await?;
    while run.next().await?.is_some() {
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
        link = owed(
            "the neighbour's being asked again",
            Link::accept(&neighbour, topic),
        )
        .await?;
    }
    neighbour.close().await;
    hub.shutdown().await
}
