//! Newcomers that a node asks to be its neighbours, and who never answer.

use std::time::Duration;

use anyhow::{Result, ensure};
use iroh::Endpoint;
use iroh::address_lookup::memory::MemoryLookup;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::{sleep, timeout};

use super::{Quick, Scenario};
use crate::gossip::Link;
use crate::node::{self, Swarm};
use crate::owed::owed;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "silent-newcomer",
    about: "Newcomers that never answer push out an honest neighbour; as one of them goes, the honest one is to come back",
    event: "honest neighbour pushed out, asked again and spoken to",
    defects: &["neighbour-request-without-timer"],
    // Settled: past the 10 s after which a connection without a use ends, and the seconds in which it drains.
    quick: Quick {
        events: 160,
        samples: 41,
        warmup_events: 60,
        settle_ms: 30_000,
        seconds_max: 12,
    },
    // What the newcomers' endpoints keep of their connections goes up and down again, by 400 KB in some 75 events.
    budget_bytes_per_event: 8_192.0,
    run: |run| Box::pin(come(run)),
};

/// As many neighbours has a node at most: so few, that two newcomers are enough.
const NEIGHBOURS: usize = 2;

/// How long after one newcomer the next one comes. By then a request without an answer has failed.
const BETWEEN: Duration = Duration::from_secs(1);

/// How often two newcomers come, as the node picks by chance which of its neighbours gives way: the honest one, or the newcomer
/// that came before.
const TRIES: usize = 64;

async fn come(run: &mut Run) -> Result<()> {
    let membership = HyparviewConfig {
        active_view_capacity: NEIGHBOURS,
        ..HyparviewConfig::default()
    };
    let swarm = Swarm::spawn([run.key(), run.key()], membership).await?;
    let topic = TopicId::from_bytes(run.random());
    let [node, honest] = &swarm.nodes[..] else {
        unreachable!("two keys, two nodes");
    };
    let (mut here, mut there) = node.joined_by(honest, topic, "the first join").await?;
    let first = newcomer(run).await?;
    let second = newcomer(run).await?;

    while run.next().await?.is_some() {
        let mut pushed_out = false;
        for _ in 0..TRIES {
            let stays = Link::open(&first, node.address(), topic).await?;
            sleep(BETWEEN).await;
            let goes = Link::open(&second, node.address(), topic).await?;
            pushed_out = timeout(BETWEEN, there.lost(node.id())).await.is_ok();
            sleep(BETWEEN).await;
            // One place is free from here on, and a request that was never answered must not keep it.
            goes.close();
            if pushed_out {
                owed("the return of an honest neighbour", async {
                    there.gained(node.id()).await?;
                    here.gained(honest.id()).await
                })
                .await?;
            }
            stays.close();
            sleep(BETWEEN).await;
            if pushed_out {
                break;
            }
        }
        ensure!(pushed_out, "the honest neighbour was never the one to go");
        let words = run.random::<32>();
        here.say(&words).await?;
        owed("what the node says", there.hear(&words)).await?;
    }
    first.close().await;
    second.close().await;
    swarm.shutdown().await
}

/// A peer that refuses whoever connects, since attempts that nobody looks at would wait there.
async fn newcomer(run: &mut Run) -> Result<Endpoint> {
    let endpoint = node::endpoint(run.key(), MemoryLookup::new()).await?;
    let newcomer = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = newcomer.accept().await {
            incoming.refuse();
        }
    });
    Ok(endpoint)
}
