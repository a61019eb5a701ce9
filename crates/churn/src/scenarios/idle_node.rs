//! A node without peers, and an application that waits for its addresses to change, among other things.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "idle-node",
    about: "One node without peers, whose application waits for its relay, its addresses, or its own next tick",
    event: "tick of the application (10 ms)",
    defects: &["watchable-wakers"],
    quick: Quick {
        events: 24_000,
        samples: 49,
        warmup_events: 6_000,
        settle_ms: 0,
        seconds_max: 8,
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(wait(run)),
};

/// How long the application waits before it does something else and waits again.
const TICK: Duration = Duration::from_millis(10);

async fn wait(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).build().await?;
    run.watch(&node);
    let mut relay = node.endpoint().home_relay();
    let mut addresses = node.endpoint().direct_addresses();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

    while run.next().await?.is_some() {
        // Neither of the two changes on a node that stays where it is.
        loop {
            tokio::select! {
                changed = relay.updated() => drop(changed?),
                changed = addresses.updated() => drop(changed?),
                _ = ticks.tick() => break,
            }
        }
    }
    drop((relay, addresses));
    node.shutdown().await
}
