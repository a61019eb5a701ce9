//! A node learns of ever new peers and meets none of them.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use p2panda_core::PrivateKey;
use p2panda_net::NodeAddress;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "known-peers",
    about: "One node learns of peers with addresses of their own and never meets any",
    event: "peer learnt",
    defects: &["address-book-grows"],
    // Settled: past iroh's heartbeat (5 s), which cuts iroh's own node map to 30 inactive ones, so that a sample counts
    // what p2panda keeps and not what iroh is about to drop.
    quick: Quick {
        events: 12_000,
        samples: 49,
        warmup_events: 4_000,
        settle_ms: 6_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 8.0,
    run: |run| Box::pin(learn(run)),
};

/// The port for discarding what arrives: nobody answers there.
const NOBODY: u16 = 9;

/// Peers learnt before the first sample: past the 1,024 that the fork's book holds by default, and so far past that the
/// hash tables behind it, and behind iroh's own map, have made room for the last time. (A table of constant size doubles
/// once, when the places of the removed have used it up; here after some 10,000.) Meanwhile the node also gives up
/// dialling the first one, after 30 s.
const LEARNT_BEFORE: u64 = 16_384;

/// So many of them at a time, with a heartbeat between, so that iroh's map is never larger than it need be.
const BATCH: u64 = 1_024;

/// A little more than the 5 s from one heartbeat of iroh to the next.
const HEARTBEAT_PASSED: Duration = Duration::from_millis(5_500);

async fn learn(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).build().await?;
    run.watch(&node);
    for number in 0..LEARNT_BEFORE {
        if number % BATCH == 0 {
            tokio::time::sleep(HEARTBEAT_PASSED).await;
        }
        node.add_peer(unmet_peer(run.key(), number)).await?;
    }
    while let Some(event) = run.next().await? {
        node.add_peer(unmet_peer(run.key(), LEARNT_BEFORE + event))
            .await?;
    }
    node.shutdown().await
}

/// A peer at a loopback address of its own: the first 16 million are all different.
pub(super) fn unmet_peer(key: PrivateKey, number: u64) -> NodeAddress {
    let [.., high, middle, low] = number.to_be_bytes();
    NodeAddress {
        public_key: key.public_key(),
        direct_addresses: vec![(Ipv4Addr::new(127, high, middle, low), NOBODY).into()],
        relay_url: None,
    }
}
