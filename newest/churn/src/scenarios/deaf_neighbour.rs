//! A neighbour that takes nothing more of what a node says, and holds its connection.

use anyhow::Result;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::QuicTransportConfig;
use iroh_gossip::proto::{HyparviewConfig, TopicId};

use super::{Quick, Scenario};
use crate::gossip::Link;
use crate::node::{self, Swarm};
use crate::owed::owed;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "deaf-neighbour",
    about: "One of a node's two neighbours reads nothing: the other hears all that is said, and the deaf one is disconnected",
    event: "100 messages said and heard, and a deaf neighbour disconnected",
    defects: &["actor-wedges-101"],
    // Settled: past the 10 s after which a connection without a use ends, and the seconds in which it drains.
    quick: Quick {
        events: 160,
        samples: 41,
        warmup_events: 60,
        settle_ms: 30_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 2_048.0,
    run: |run| Box::pin(be_deaf(run)),
};

/// More than what a stream of the deaf one and the queue before it hold together.
const MESSAGES: usize = 100;

/// Bytes that the deaf one lets a node send to it, none of which it reads.
const WINDOW: u32 = 16 * 1024;

/// Almost as large as one may be.
const MESSAGE_LEN: usize = 3_500;

async fn be_deaf(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key(), run.key()], HyparviewConfig::default()).await?;
    run.watch(&swarm);
    let topic = TopicId::from_bytes(run.random());
    let [node, neighbour] = &swarm.nodes[..] else {
        unreachable!("two keys, two nodes");
    };
    let (mut here, mut there) = node.joined_by(neighbour, topic, "the first join").await?;
    let transport = QuicTransportConfig::builder()
        .stream_receive_window(WINDOW.into())
        .build();
    let deaf = node::endpoint_with(run.key(), MemoryLookup::new(), transport).await?;

    while run.next().await?.is_some() {
        let link = Link::open(&deaf, node.address(), topic).await?;
        owed("the deaf neighbour", here.gained(deaf.id())).await?;
        let mut words = vec![0; MESSAGE_LEN];
        for _ in 0..MESSAGES {
            words[..32].copy_from_slice(&run.random::<32>());
            owed("that it may speak", here.say(&words)).await?;
            owed("what the node says", there.hear(&words)).await?;
        }
        owed("the end of a connection on which nothing is taken", async {
            link.closed().await;
            here.lost(deaf.id()).await
        })
        .await?;
    }
    deaf.close().await;
    swarm.shutdown().await
}
