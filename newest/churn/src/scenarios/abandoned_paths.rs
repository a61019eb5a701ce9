//! A connection of noq-proto that lives for long, whose client keeps changing networks. Both ends are in memory, and time is
//! their own.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Quick, Scenario};
use crate::network::Network;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "abandoned-paths",
    about: "A client of noq-proto opens a path from a new address and closes its oldest one, in one connection all the while",
    event: "path opened, and another abandoned",
    defects: &["noq-abandoned-paths"],
    quick: Quick {
        events: 960,
        samples: 49,
        warmup_events: 320,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(roam(run)),
};

/// After that the ids of a path that was closed are retired.
const BETWEEN: Duration = Duration::from_secs(2);

async fn roam(run: &mut Run) -> Result<()> {
    let mut network = Network::connected(StdRng::from_seed(run.random()))?;
    while let Some(event) = run.next().await? {
        network.write();
        ensure!(network.change_interface(), "no room for path {event}");
        network.run(BETWEEN);
        ensure!(!network.has_lost_its_connection, "lost at path {event}");
    }
    Ok(())
}
