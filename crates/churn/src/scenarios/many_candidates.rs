//! A node that knows many peers, and has to choose a few of them to join by.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::known_peers::unmet_peer;
use super::{AT_REST, Scenario};
use crate::asked::asks_at_most;
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "many-candidates",
    about: "A bootstrap node that knows 1,000 peers and reaches none chooses seven of them to join by, again and again",
    event: "ten join intervals waited (0.9 s each), for no more memory than choosing seven takes",
    defects: &["random-set-scans-all", "bootstrap-rejoins-forever"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(choose(run)),
};

/// Fewer than the 1,024 that the fork's address book holds by default.
const PEERS: u64 = 1_000;

/// Ten of the intervals in which a node looks for peers to join by: now and then a table that it keeps is made anew in one.
const INTERVALS: u32 = 10;
const JOIN_INTERVAL: Duration = Duration::from_millis(900);

/// Plenty for what an untouched node does in ten intervals where it knows nobody, 265 KB in each; not for a list of all peers'
/// keys in each, 192 B a key, which asks for twice as much while it grows.
const BYTES: u64 = 448 * 1024 * INTERVALS as u64;

async fn choose(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).bootstrap().build().await?;
    for number in 0..PEERS {
        node.add_peer(unmet_peer(run.key(), number)).await?;
    }
    // Until it has given up the first that it dialled, after 30 s, and iroh has forgotten those that it does not need.
    sleep(Duration::from_secs(60)).await;
    while run.next().await?.is_some() {
        let intervals = async {
            sleep(JOIN_INTERVAL * INTERVALS).await;
            Ok(())
        };
        asks_at_most(BYTES, "ten intervals", intervals).await?;
    }
    node.shutdown().await
}
