//! A connection of noq-proto whose client keeps changing networks, while packets are lost. Both ends are in memory, and time is
//! their own.

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Quick, Scenario};
use crate::network::Network;
use crate::owed::outlives;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "lossy-paths",
    about: "A client of noq-proto takes new addresses, is given new ports and goes out of reach, while packets are lost",
    event: "change of the client's network",
    defects: &["noq-stale-probe"],
    quick: Quick {
        events: 1_440,
        samples: 49,
        warmup_events: 320,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 256.0,
    run: |run| Box::pin(roam(run)),
};

/// Which part of all packets is lost.
const LOSS: f64 = 0.2;

/// Milliseconds for which the client is out of reach.
const BLACKOUT_MS: Range<u64> = 500..4_000;

/// After that the network changes again.
const BETWEEN: Duration = Duration::from_millis(300);

async fn roam(run: &mut Run) -> Result<()> {
    let mut network = lossy(StdRng::from_seed(run.random()))?;
    while run.next().await?.is_some() {
        outlives(|| change(&mut network))?;
        if network.has_lost_its_connection {
            network = lossy(StdRng::from_rng(&mut network.rng)?)?;
        }
    }
    Ok(())
}

/// Loses no packet before the client is connected.
fn lossy(rng: StdRng) -> Result<Network> {
    let mut network = Network::connected(rng)?;
    network.loss = LOSS;
    Ok(network)
}

fn change(network: &mut Network) {
    network.write();
    match network.rng.gen_range(0..6) {
        // Refused where too many closed paths have not gone yet
        0 | 1 => _ = network.change_interface(),
        2..5 => network.change_port(),
        _ => black_out(network),
    }
    network.run(BETWEEN);
}

fn black_out(network: &mut Network) {
    let time = Duration::from_millis(network.rng.gen_range(BLACKOUT_MS));
    network.loss = 1.0;
    network.run(time);
    network.loss = LOSS;
}
