//! The table of scenarios: each is a module that makes one kind of event happen, and a row here.

#[path = "../../../../crates/churn/src/scenarios/canary.rs"]
pub mod canary;
mod dead_dials;
mod link_churn;

pub use crate::scenario::{Quick, Scenario};

/// Every scenario there is. To add one: a module with a `SCENARIO`, and a line.
pub const SCENARIOS: &[Scenario] = &[link_churn::SCENARIO, dead_dials::SCENARIO, canary::SCENARIO];
