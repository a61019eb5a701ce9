//! In what the state machine of this line's gossip differs from the other's, and what is known to be wrong with it.

use iroh_gossip::proto::{InEvent, OutEvent, State};
use p2panda_core::Hash;
use rand_of_gossip::SeedableRng;
use rand_of_gossip::rngs::StdRng;
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
    state.handle(event, now, None)
}

/// The id of a message.
pub fn id_of(content: &[u8]) -> [u8; 32] {
    *Hash::digest(content).as_bytes()
}

/// By what a scenario shows them.
pub mod defects {
    pub const MISSING: &[&str] = &["missing-messages-101"];
    pub const PAYLOADS: &[&str] = &["gossip-unlimited-101"];
    pub const LATE: &[&str] = &["zombie-eager-101"];
    pub const ROUNDS: &[&str] = &["gossip-expects"];
    pub const WALKS: &[&str] = &["gossip-expects"];
    pub const PEER_DATA: &[&str] = &["peer-data-101"];
    pub const TIMERS: &[&str] = &["timer-chains-101"];
}
