//! The table of scenarios: each is a module that makes one kind of event happen, and a row here.

mod abandoned_paths;
mod address_book_churn;
#[path = "../../../../crates/churn/src/scenarios/canary.rs"]
pub mod canary;
mod day_of_shuffles;
mod dead_dials;
mod link_churn;
mod lossy_paths;
mod many_topics;
mod panicking_router;
mod silent_neighbour;
mod sync_sessions;
mod topic_leave;

pub use crate::scenario::{Quick, Scenario};

/// Every scenario there is. To add one: a module with a `SCENARIO`, and a line.
pub const SCENARIOS: &[Scenario] = &[
    link_churn::SCENARIO,
    silent_neighbour::SCENARIO,
    dead_dials::SCENARIO,
    sync_sessions::SCENARIO,
    topic_leave::SCENARIO,
    many_topics::SCENARIO,
    address_book_churn::SCENARIO,
    day_of_shuffles::SCENARIO,
    lossy_paths::SCENARIO,
    abandoned_paths::SCENARIO,
    panicking_router::SCENARIO,
    canary::SCENARIO,
];
