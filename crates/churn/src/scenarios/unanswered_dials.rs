//! A node is told to join a topic through ever more peers that do not answer.

use std::time::Duration;

use anyhow::Result;
use iroh::{NodeAddr, SecretKey};
use iroh_gossip::proto::TopicId;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::gossip::Gossiper;
use crate::quic;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "unanswered-dials",
    about: "A node joins a topic through one peer after the other, each at an address where nobody answers, all within seconds",
    event: "peer to join through",
    defects: &["dialer-unlimited", "pending-queue-grows"],
    // Warm: 32 are dialed, and 256 wait.
    quick: Quick {
        events: 960,
        samples: 49,
        warmup_events: 320,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(join_through(run)),
};

/// How far apart two are: far fewer seconds in all than a dial takes, and than iroh keeps an address that is not used.
const PACE: Duration = Duration::from_millis(1);

async fn join_through(run: &mut Run) -> Result<()> {
    let topic = TopicId::from_bytes(run.random());
    let node = Gossiper::spawn(&run.key()).await?;
    let here = node.subscribe(topic, vec![])?;
    let nobody = quic::socket()?;
    // What iroh keeps of an address that it is told is not what is measured.
    let mut peers = Vec::new();
    for _ in 0..run.events() {
        let peer = SecretKey::from_bytes(&run.random()).public();
        node.meet(NodeAddr::from_parts(peer, None, [nobody.local_addr()?]))?;
        peers.push(peer);
    }
    while run.next().await?.is_some() {
        here.join(peers.pop().into_iter().collect()).await?;
        sleep(PACE).await;
    }
    node.shutdown().await
}
