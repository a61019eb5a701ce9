//! A peer that opens one connection of gossip after another.

use std::time::Duration;

use anyhow::Result;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::Connection;
use iroh_gossip::ALPN;
use iroh_gossip::proto::HyparviewConfig;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::{self, Swarm};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "many-links",
    about: "A peer opens connections of gossip to a node, a hundred a second, and holds them",
    event: "connection opened",
    defects: &["gossip-unlimited-101"],
    // A run is over before the first of them has had no use for too long.
    quick: Quick {
        events: 320,
        samples: 41,
        warmup_events: 120,
        settle_ms: 20,
        seconds_max: 12,
    },
    // A third of what a connection takes: some of those that were closed have not drained.
    budget_bytes_per_event: 65_536.0,
    run: |run| Box::pin(open(run)),
};

/// How long after one connection the next one is opened.
const BETWEEN: Duration = Duration::from_millis(10);

async fn open(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key()], HyparviewConfig::default()).await?;
    let node = &swarm.nodes[0];
    let peer = node::endpoint(run.key(), MemoryLookup::new()).await?;
    let mut held = Vec::new();
    while run.next().await?.is_some() {
        // Both ends are in this process: what the node closes goes here, too.
        held.retain(|held: &Connection| held.close_reason().is_none());
        held.push(peer.connect(node.address(), ALPN).await?);
        sleep(BETWEEN).await;
    }
    drop(held);
    peer.close().await;
    swarm.shutdown().await
}
