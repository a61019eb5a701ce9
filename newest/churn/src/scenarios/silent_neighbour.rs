//! Peers join a node, say nothing more, read nothing, and are gone.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::{Connection, SendStream};
use iroh::{Endpoint, EndpointAddr};
use iroh_gossip::ALPN;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::{Duration, sleep};

use super::{Quick, Scenario};
use crate::node::{self, Swarm};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "silent-neighbour",
    about: "Peers with new keys join a node that broadcasts, take none of it, give way to those who come later, and are gone",
    event: "silent peer come and gone, and a message broadcast",
    defects: &["stale-peer-entries-101"],
    // Settled: past the 15 s of a dial, and the 90 s for which gossip keeps the id of a message.
    quick: Quick {
        events: 1_536,
        samples: 49,
        warmup_events: 512,
        settle_ms: 120_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 48.0,
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
        let joined = Silent::join(endpoint, swarm.nodes[0].address(), topic).await;
        silent.push_back(joined.with_context(|| format!("peer {event}"))?);
        senders[0]
            .broadcast(run.random::<64>().to_vec().into())
            .await?;
        sleep(BETWEEN).await;
        if silent.len() > SILENT
            && let Some(oldest) = silent.pop_front()
        {
            oldest.endpoint.close().await;
        }
    }
    for left in silent {
        left.endpoint.close().await;
    }
    swarm.shutdown().await
}

/// A peer that has asked to be a neighbour.
struct Silent {
    endpoint: Endpoint,
    _connection: Connection,
    _send: SendStream,
}

impl Silent {
    async fn join(endpoint: Endpoint, to: EndpointAddr, topic: TopicId) -> Result<Self> {
        let connection = endpoint.connect(to, ALPN).await?;
        let mut send = connection.open_uni().await?;
        // Frames have their length before them: which topic this stream is about, and the first message of the membership
        // layer, to join, without data.
        for frame in [topic.as_bytes(), &[0, 0, 0][..]] {
            send.write_all(&(frame.len() as u32).to_be_bytes()).await?;
            send.write_all(frame).await?;
        }
        Ok(Self {
            endpoint,
            _connection: connection,
            _send: send,
        })
    }
}
