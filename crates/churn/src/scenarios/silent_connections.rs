//! A peer opens connection after connection to a node, and says nothing on any of them.

use anyhow::{Context, Result};
use iroh::endpoint::Connection;
use p2panda_net::NetworkBuilder;

use super::{Quick, Scenario};
use crate::node::{self, Topic};
use crate::run::Run;
use crate::session::{ALPN, Hub};

pub const SCENARIO: Scenario = Scenario {
    name: "silent-connections",
    about: "A peer opens connections to a node's sync, says nothing and keeps them alive, and at the end another one syncs",
    event: "silent connection opened",
    // What goes with a connection that is closed, and then all that stay.
    defects: &[
        "accepts-without-limit",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the few seconds in which a closed connection drains. The warm-up fills the node's places twice.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 128,
        settle_ms: 10_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(say_nothing(run)),
};

/// Places for connections: few enough to be taken within a short run.
#[cfg(feature = "fork")]
const PLACES: usize = 64;

async fn say_nothing(run: &mut Run) -> Result<()> {
    let hub = Hub::start_with(run, with_few_places).await?;

    let (silent, honest) = (run.key(), run.key());
    let silent = node::endpoint(&silent).await?;
    let mut held = Vec::new();
    while let Some(event) = run.next().await? {
        // Both ends are in this process: what the node closes goes here, too.
        held.retain(|held: &Connection| held.close_reason().is_none());
        let connection = silent.connect(hub.address.clone(), ALPN).await;
        held.push(connection.with_context(|| format!("connection {event}"))?);
    }

    let visitor = node::endpoint(&honest).await?;
    hub.sync(&visitor, &honest).await?;
    visitor.close().await;
    silent.close().await;
    hub.node.shutdown().await
}

/// Lets the node hold no more than a few dozen connections of others, where that can be set.
fn with_few_places(builder: NetworkBuilder<Topic>) -> NetworkBuilder<Topic> {
    #[cfg(feature = "fork")]
    let builder = builder.limits(p2panda_net::Limits::default().max_connections(PLACES));
    builder
}
