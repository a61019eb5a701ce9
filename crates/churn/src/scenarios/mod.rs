//! The table of scenarios: each is a module that makes one kind of event happen, and a row here.

mod blob_downloads;
pub mod canary;
mod dead_peers;
mod driver_lost;
pub mod forged_announcements;
mod gossip_locks;
mod gossip_messages;
mod idle_node;
mod incoming_dropped;
mod incoming_unaccepted;
mod known_peers;
mod link_churn;
mod lonely_bootstrap;
mod peer_churn;
mod quic_churn;
mod resync_connections;
mod store_growth;
mod store_limits;
mod stranger_connects;
mod sync_churn;
mod sync_frames;
mod topic_churn;
mod topic_rejoin;
mod weak_handles;

use std::pin::Pin;

use anyhow::Result;
use serde::Serialize;

use crate::run::Run;

/// Every scenario there is. To add one: a module with a `SCENARIO`, and a line.
pub const SCENARIOS: &[Scenario] = &[
    known_peers::SCENARIO,
    gossip_locks::SCENARIO,
    peer_churn::SCENARIO,
    lonely_bootstrap::SCENARIO,
    topic_churn::SCENARIO,
    gossip_messages::SCENARIO,
    forged_announcements::SCENARIO,
    sync_churn::SCENARIO,
    idle_node::SCENARIO,
    resync_connections::SCENARIO,
    incoming_dropped::SCENARIO,
    incoming_unaccepted::SCENARIO,
    quic_churn::SCENARIO,
    driver_lost::SCENARIO,
    weak_handles::SCENARIO,
    canary::SCENARIO,
    sync_frames::SCENARIO,
    store_growth::SCENARIO,
    store_limits::SCENARIO,
    blob_downloads::SCENARIO,
    dead_peers::SCENARIO,
    link_churn::SCENARIO,
    topic_rejoin::SCENARIO,
    stranger_connects::SCENARIO,
];

/// What a scenario does, what stands in its way, and how to run it.
#[derive(Debug, Serialize)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What happened when one event is over.
    pub event: &'static str,
    /// Slugs of all defects that make it grow: it can be flat only when none is left. None for a control.
    pub defects: &'static [&'static str],
    /// A run of a few seconds in which the growth shows.
    pub quick: Quick,
    /// Bytes of live heap that an event may leave behind in a scenario that is called flat.
    pub budget_bytes_per_event: f64,
    /// Makes the events happen.
    #[serde(skip)]
    pub run: for<'a> fn(&'a mut Run) -> Running<'a>,
}

/// The figures of a short run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quick {
    /// How often the event happens.
    pub events: u64,
    /// How many samples are taken.
    pub samples: u64,
    /// Events after which everything that is bounded has reached its bound.
    pub warmup_events: u64,
    /// Milliseconds before each sample in which what is in flight may land.
    pub settle_ms: u64,
    /// Seconds it should take at most on a busy machine.
    pub seconds_max: u64,
}

/// A scenario under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_slug(text: &str) -> bool {
        !text.is_empty()
            && text.split('-').all(|word| !word.is_empty())
            && text
                .chars()
                .all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit())
    }

    #[test]
    fn names_are_unique_slugs() {
        let names: BTreeSet<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        assert!(names.into_iter().all(is_slug));
    }

    #[test]
    fn every_scenario_names_what_makes_it_grow_by_distinct_slugs() {
        for Scenario { name, defects, .. } in SCENARIOS {
            let distinct: BTreeSet<_> = defects.iter().collect();
            assert_eq!(defects.is_empty(), *name == canary::SCENARIO.name, "{name}");
            assert_eq!(distinct.len(), defects.len(), "{name}");
            assert!(
                defects.iter().all(|slug| is_slug(slug)),
                "{name}: {defects:?}"
            );
        }
    }

    #[test]
    fn quick_runs_leave_half_of_at_least_forty_samples_after_the_warm_up() {
        for Scenario { name, quick, .. } in SCENARIOS {
            assert!(quick.samples >= 40, "{name}");
            assert!(quick.events >= quick.samples, "{name}");
            assert!(quick.warmup_events * 2 <= quick.events, "{name}");
            assert!(quick.seconds_max <= 12, "{name}");
        }
    }
}
