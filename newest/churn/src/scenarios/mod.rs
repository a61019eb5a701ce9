//! The table of scenarios: each is a module that makes one kind of event happen, and a row here.

mod abandoned_paths;
mod address_book_churn;
#[path = "../../../../crates/churn/src/scenarios/canary.rs"]
pub mod canary;
mod day_of_shuffles;
mod dead_dials;
mod dead_drivers;
#[path = "../../../../crates/churn/src/scenarios/forged_gossip.rs"]
mod forged_gossip;
mod incoming;
mod link_churn;
mod lossy_paths;
mod many_topics;
mod panicking_router;
mod rebound_endpoint;
mod shared_link;
mod silent_neighbour;
mod silent_newcomer;
mod stopped_stream;
mod sync_sessions;
mod topic_leave;

pub use crate::scenario::{AT_REST, FEW, Quick, Scenario};

/// Every scenario there is. To add one: a module with a `SCENARIO`, and a line.
pub const SCENARIOS: &[Scenario] = &[
    link_churn::SCENARIO,
    silent_neighbour::SCENARIO,
    silent_newcomer::SCENARIO,
    stopped_stream::SCENARIO,
    shared_link::SCENARIO,
    dead_dials::SCENARIO,
    sync_sessions::SCENARIO,
    topic_leave::SCENARIO,
    many_topics::SCENARIO,
    address_book_churn::SCENARIO,
    day_of_shuffles::SCENARIO,
    lossy_paths::SCENARIO,
    abandoned_paths::SCENARIO,
    panicking_router::SCENARIO,
    rebound_endpoint::SCENARIO,
    incoming::DROPPED,
    incoming::UNACCEPTED,
    dead_drivers::DEAD_DRIVERS,
    dead_drivers::ENDED_ENDPOINTS,
    forged_gossip::INVENTED_MESSAGES,
    forged_gossip::PAYLOAD_FLOOD,
    forged_gossip::LATE_FRAMES,
    forged_gossip::MANY_HOPS,
    forged_gossip::LONG_WALKS,
    forged_gossip::INTRODUCED_PEERS,
    forged_gossip::HASTY_REJOIN,
    canary::SCENARIO,
];
