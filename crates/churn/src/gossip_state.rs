//! In what the state machine of this line's gossip differs from the other's, and what is known to be wrong with it.

use iroh_gossip::proto::{InEvent, OutEvent, State};
use p2panda_core::Hash;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

pub type GossipState = State<u64, StdRng>;

/// What it draws from, the same in each run.
pub fn rng() -> StdRng {
    StdRng::seed_from_u64(0)
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
