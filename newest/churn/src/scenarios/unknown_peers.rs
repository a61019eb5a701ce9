//! Peers that an endpoint is asked to connect to, and which have no address.

use std::time::Duration;

use anyhow::{Result, ensure};
use iroh::EndpointAddr;
use iroh::address_lookup::memory::MemoryLookup;
use iroh_gossip::ALPN;

use super::{AT_REST, Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "unknown-peers",
    about: "An endpoint of iroh is asked to connect to peers of whom it knows no address",
    event: "192 peers not found",
    defects: &["addr-map-grows"],
    // Settled: past the minute for which a peer is held. Warm: the fork remembers 4,096, and its maps double once more for those
    // that went. The maps of the untouched one double twice behind that.
    quick: Quick {
        events: 480,
        warmup_events: 96,
        settle_ms: SETTLED.as_millis() as u64,
        ..AT_REST
    },
    budget_bytes_per_event: 4_096.0,
    run: |run| Box::pin(seek(run)),
};

const SETTLED: Duration = Duration::from_secs(120);

const PEERS: usize = 192;

async fn seek(run: &mut Run) -> Result<()> {
    let endpoint = node::endpoint(run.key(), MemoryLookup::new()).await?;
    while run.next().await?.is_some() {
        for _ in 0..PEERS {
            let nobody = EndpointAddr::new(run.key().public());
            let found = endpoint.connect(nobody, ALPN).await;
            ensure!(found.is_err(), "somebody without an address was found");
        }
    }
    endpoint.close().await;
    Ok(())
}
