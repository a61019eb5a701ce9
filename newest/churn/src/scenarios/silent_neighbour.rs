//! Peers join a node, say nothing more, read nothing, and are gone.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use iroh::address_lookup::memory::MemoryLookup;
use iroh_gossip::proto::HyparviewConfig;
use tokio::time::{Duration, sleep};

use super::{Quick, Scenario};
use crate::gossip::Link;
use crate::node::{self, Swarm};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "silent-neighbour",
    about: "Peers with new keys join a node that broadcasts, take none of it, give way to those who come later, and are gone",
    event: "silent peer come and gone, and a message broadcast",
    defects: &["stale-peer-entries-101"],
    // Settled: past the 15 s of a dial, and the 90 s for which gossip keeps the id of a message.
    quick: Quick {
        events: 2_016,
        samples: 49,
        warmup_events: 672,
        settle_ms: 120_000,
        seconds_max: 12,
    },
    // An entry is some 128 bytes, in a map that doubles: a quarter of that.
    budget_bytes_per_event: 32.0,
    run: |run| Box::pin(be_silent(run)),
};

/// How many of them are there at a time: more than the node has room for among its neighbours.
const SILENT: usize = 8;

/// How long after one the next comes.
const BETWEEN: Duration = Duration::from_secs(1);

async fn be_silent(run: &mut Run) -> Result<()> {
    let (swarm, topic, senders) = Swarm::in_a_topic(run, 2, HyparviewConfig::default()).await?;
    swarm.nodes[0].seek_nobodies(run).await?;
    let mut silent = VecDeque::new();

    while let Some(event) = run.next().await? {
        let endpoint = node::endpoint(run.key(), MemoryLookup::new()).await?;
        let link = Link::open(&endpoint, swarm.nodes[0].address(), topic).await;
        silent.push_back((endpoint, link.with_context(|| format!("peer {event}"))?));
        senders[0]
            .broadcast(run.random::<64>().to_vec().into())
            .await?;
        sleep(BETWEEN).await;
        if silent.len() > SILENT
            && let Some((oldest, _link)) = silent.pop_front()
        {
            oldest.close().await;
        }
    }
    for (left, _link) in silent {
        left.close().await;
    }
    swarm.shutdown().await
}
