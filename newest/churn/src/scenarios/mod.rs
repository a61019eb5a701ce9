//! The table of scenarios: each is a module that makes one kind of event happen, and a row here.

mod abandoned_paths;
mod address_book_churn;
#[path = "../../../../crates/churn/src/scenarios/canary.rs"]
pub mod canary;
mod day_of_shuffles;
mod dead_dials;
mod dead_drivers;
mod deaf_neighbour;
mod failed_sync;
#[path = "../../../../crates/churn/src/scenarios/forged_gossip.rs"]
mod forged_gossip;
mod forged_migration;
mod incoming;
mod link_churn;
mod lone_node;
mod lossy_paths;
mod many_links;
mod many_topics;
mod panicking_router;
mod rebound_endpoint;
mod shared_link;
mod silent_connections;
mod silent_neighbour;
mod silent_newcomer;
mod stopped_stream;
mod sync_sessions;
mod synced_topics;
mod topic_leave;
mod unacknowledged;
mod unknown_peers;
mod unread_gossip;
mod visited_topics;

pub use crate::scenario::{AT_REST, FEW, Quick, Scenario};

/// Every scenario there is. To add one: a module with a `SCENARIO`, and a line.
pub const SCENARIOS: &[Scenario] = &[
    link_churn::SCENARIO,
    silent_neighbour::SCENARIO,
    silent_newcomer::SCENARIO,
    stopped_stream::SCENARIO,
    shared_link::SCENARIO,
    deaf_neighbour::SCENARIO,
    many_links::SCENARIO,
    visited_topics::SCENARIO,
    dead_dials::SCENARIO,
    unknown_peers::SCENARIO,
    sync_sessions::SCENARIO,
    synced_topics::SCENARIO,
    topic_leave::SCENARIO,
    many_topics::SCENARIO,
    unread_gossip::SCENARIO,
    failed_sync::SCENARIO,
    silent_connections::CONNECTIONS,
    silent_connections::DISCOVERIES,
    silent_connections::BUSY_HANDLER,
    address_book_churn::SCENARIO,
    day_of_shuffles::SCENARIO,
    lossy_paths::SCENARIO,
    abandoned_paths::SCENARIO,
    forged_migration::SCENARIO,
    unacknowledged::SCENARIO,
    panicking_router::SCENARIO,
    rebound_endpoint::SCENARIO,
    incoming::DROPPED,
    incoming::UNACCEPTED,
    incoming::LATE_ACCEPTS,
    incoming::CLOSED_QUEUE,
    incoming::BATCHED_DATAGRAMS,
    dead_drivers::DEAD_DRIVERS,
    dead_drivers::ENDED_ENDPOINTS,
    forged_gossip::INVENTED_MESSAGES,
    forged_gossip::PAYLOAD_FLOOD,
    forged_gossip::LATE_FRAMES,
    forged_gossip::MANY_HOPS,
    forged_gossip::LONG_WALKS,
    forged_gossip::INTRODUCED_PEERS,
    forged_gossip::HASTY_REJOIN,
    lone_node::OWN_ID,
    lone_node::BROADCAST_FLOOD,
    canary::SCENARIO,
];
