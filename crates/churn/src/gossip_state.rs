//! The state machine of this line's gossip, and what is known to be wrong with it.

use iroh_gossip::proto::{Config, InEvent, OutEvent, PeerData, State};
use p2panda_core::Hash;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

pub type GossipState = State<u64, StdRng>;

/// Peer 0, whose topics keep so little that a short run fills them, where that can be set.
pub fn new() -> GossipState {
    let rng = StdRng::seed_from_u64(0);
    let state = State::new(0, PeerData::default(), Config::default(), rng);
    #[cfg(feature = "fork")]
    let state = {
        let mut limits = iroh_gossip::GossipLimits::default();
        limits.payload_bytes_per_topic = 128 * 1024;
        limits.message_ids_per_topic = 256;
        state.with_limits(limits)
    };
    state
}

pub fn handle(
    state: &mut GossipState,
    event: InEvent<u64>,
    now: Instant,
) -> impl Iterator<Item = OutEvent<u64>> {
    state.handle(event, now)
}

/// The id of a message.
pub fn id_of(content: &[u8]) -> [u8; 32] {
    *Hash::new(content).as_bytes()
}

/// By what a scenario shows them.
pub mod defects {
    pub const MISSING: &[&str] = &["missing-messages-grow"];
    /// The payloads, and the ids that they leave.
    pub const PAYLOADS: &[&str] = &["payload-cache-by-time-only", "message-ids-never-expire"];
    /// The sets that messages and announcements are sent to, and the topics of who is gone.
    pub const LATE: &[&str] = &["zombie-eager-peers", "peer-topics-stale"];
    pub const ROUNDS: &[&str] = &["round-overflows", "message-ids-never-expire"];
    pub const WALKS: &[&str] = &["ttl-unclamped"];
    pub const PEER_DATA: &[&str] = &["peer-data-grows"];
    pub const TIMERS: &[&str] = &["timer-chains"];
}
