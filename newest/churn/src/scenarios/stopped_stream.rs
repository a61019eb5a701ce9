//! A neighbour takes no more of what a node says, and holds its connection.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::ALPN;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::gossip::Link;
use crate::node::{self, Swarm};
use crate::owed::owed;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "stopped-stream",
    about: "The only neighbour stops the stream on which a node speaks to it, is disconnected, and is dialled again",
    event: "neighbour that stopped its stream, was disconnected, and is one again",
    defects: &["dead-send-half-101"],
    // Settled: past the 10 s after which a connection without a use ends, and the seconds in which it drains.
    quick: Quick {
        events: 640,
        samples: 49,
        // By then the neighbour keeps 256 TLS sessions, and no more.
        warmup_events: 320,
        settle_ms: 30_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(stop_listening(run)),
};

/// After that the node says something more.
const BETWEEN: Duration = Duration::from_secs(1);

async fn stop_listening(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key()], HyparviewConfig::default()).await?;
    let topic = TopicId::from_bytes(run.random());
    let node = &swarm.nodes[0];
    let mut here = node.subscribe(topic, &[]).await?;
    let neighbour = node::endpoint(run.key(), node.addresses.clone()).await?;
    neighbour.set_alpns(vec![ALPN.to_vec()]);
    let mut link = Link::open(&neighbour, node.address(), topic).await?;
    owed("the first neighbour", here.gained(neighbour.id())).await?;

    while run.next().await?.is_some() {
        owed("a stream", link.stop_listening()).await?;
        owed("the end of a connection on which nothing is taken", async {
            while timeout(BETWEEN, link.closed()).await.is_err() {
                here.say(&run.random::<32>()).await?;
            }
            here.lost(neighbour.id()).await
        })
        .await?;
        let again = Link::accept(&neighbour, topic);
        link = owed("another dial", again).await?;
        owed("the neighbour's return", here.gained(neighbour.id())).await?;
    }
    neighbour.close().await;
    swarm.shutdown().await
}
