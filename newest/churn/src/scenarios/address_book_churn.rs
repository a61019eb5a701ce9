//! A node learns of ever new nodes and meets none of them.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use iroh::EndpointAddr;
use p2panda_core::Topic;
use p2panda_net::addrs::NodeInfo;

use super::{Quick, Scenario};
use crate::panda::{Panda, by_the_systems_clock};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "address-book-churn",
    about: "A p2panda node learns of nodes with an address and a topic of their own, and never meets any",
    event: "node learnt",
    defects: &["address-book-never-expires-07"],
    quick: Quick {
        events: 2_400,
        samples: 49,
        warmup_events: 800,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(learn(run)),
};

/// Nodes learnt before the first sample: three times as many as the fork's book holds by default. What the process holds
/// levels off after some 2,700, as measured.
const LEARNT_BEFORE: u64 = 3_072;

/// The port for discarding what arrives: nobody answers there.
const NOBODY: u16 = 9;

async fn learn(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let node = Panda::spawn(run.random()).await?;
    for _ in 0..LEARNT_BEFORE {
        learn_one(&node, run).await?;
    }
    while run.next().await?.is_some() {
        learn_one(&node, run).await?;
    }
    Ok(())
}

async fn learn_one(node: &Panda, run: &mut Run) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, NOBODY));
    let unmet = EndpointAddr::new(run.key().public()).with_ip_addr(address);
    let unmet = NodeInfo::from(unmet);
    let id = unmet.node_id;
    node.book.insert_node_info(unmet).await?;
    node.book
        .set_topics(id, [Topic::from(run.random())])
        .await?;
    Ok(())
}
