//! Two nodes that stay together talk on one topic, at length.

use anyhow::Result;
use p2panda_net::config::GossipConfig;

use super::gossip_messages::talk;
use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "large-messages",
    about: "Two nodes on one topic take turns in saying 4 KiB to each other",
    event: "message heard",
    defects: &["message-ids-never-expire", "watchable-wakers"],
    // Settled: past the 30 s for which gossip keeps the payload of a message.
    quick: Quick {
        events: 4_800,
        samples: 49,
        warmup_events: 1_200,
        settle_ms: 45_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 8.0,
    run: |run| Box::pin(talk_at_length(run)),
};

/// Bytes a gossip message may have. By default there are 4 KiB with what stands around the words.
const MAX_MESSAGE_SIZE: usize = 8 * 1024;

async fn talk_at_length(run: &mut Run) -> Result<()> {
    let config = GossipConfig {
        max_message_size: MAX_MESSAGE_SIZE,
    };
    let first = node::loopback(run.key()).gossip(config.clone());
    let second = node::loopback(run.key()).gossip(config);
    talk::<4096>(run, first, second).await
}
