//! A leak of a known size, by which a reader of the samples can tell whether it sees what it should see.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

/// What an event leaks where nothing else is asked for, in bytes: as much as its budget.
pub const LEAK_BYTES: u64 = 64;

pub const SCENARIO: Scenario = Scenario {
    name: "canary",
    about: "A control, no defect: beside an idle node, each event leaks as many bytes as `--leak` says",
    event: "leak",
    defects: &[],
    quick: Quick {
        events: 4_800,
        samples: 49,
        warmup_events: 1_200,
        settle_ms: 0,
        seconds_max: 4,
    },
    budget_bytes_per_event: LEAK_BYTES as f64,
    run: |run| Box::pin(leak(run)),
};

/// How far apart two events are: time in which the node does what an idle node does.
const TICK: Duration = Duration::from_millis(10);

async fn leak(run: &mut Run) -> Result<()> {
    let node = node::idle(run.key()).await?;
    run.watch(&node);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

    while run.next().await?.is_some() {
        ticks.tick().await;
        let bytes = vec![0_u8; run.leak_bytes()].into_boxed_slice();
        // Nobody looks at them, and an optimiser may then do without.
        black_box(Box::leak(bytes));
    }
    node.shutdown().await
}
