//! Two nodes whose applications want gossip to forget soon.

use anyhow::Result;

use super::gossip_messages::talk;
use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "short-retention",
    about: "Two nodes that are to keep messages for a second, where that can be set, take turns in saying 1 KiB to each other",
    event: "message heard, 1 KiB",
    defects: &["retention-not-settable", "message-ids-never-expire"],
    // Settled: past the second for which the messages are to be kept, and the next look at which of them are older. All of it
    // takes a little longer than the 30 s for which they are kept where nothing is set.
    quick: Quick {
        events: 960,
        samples: 41,
        warmup_events: 96,
        settle_ms: 2_500,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(forget_soon(run)),
};

async fn forget_soon(run: &mut Run) -> Result<()> {
    let (first, second) = (node::loopback(run.key()), node::loopback(run.key()));
    #[cfg(feature = "fork")]
    let [first, second] = [first, second].map(|node| {
        let second = std::time::Duration::from_secs(1);
        let limits = p2panda_net::Limits::default();
        let limits = limits.gossip_message_retention(second);
        node.limits(limits.gossip_id_retention(second))
    });
    talk::<1024>(run, first, second).await
}
