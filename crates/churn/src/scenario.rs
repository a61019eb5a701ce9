//! What a scenario is: its words, its figures, and how it is run.

use std::pin::Pin;

use anyhow::Result;
use serde::Serialize;

use crate::run::Run;

/// What a scenario does, what stands in its way, and how to run it.
#[derive(Debug, Serialize)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What happened when one event is over.
    pub event: &'static str,
    /// Slugs of all defects that make it grow, or that end what it measures: it can be flat, and live, only when none is left.
    /// None for a control.
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

/// For events of some milliseconds that leave nothing in flight at a sample, and after a few of which what is bounded has
/// reached its bound.
pub const AT_REST: Quick = Quick {
    events: 480,
    samples: 49,
    warmup_events: 96,
    settle_ms: 0,
    seconds_max: 8,
};

/// For events that bind sockets and open connections. Settled: past the few seconds in which a closed connection drains.
pub const FEW: Quick = Quick {
    events: 480,
    samples: 49,
    warmup_events: 160,
    settle_ms: 10_000,
    seconds_max: 12,
};

/// A scenario under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenarios::{SCENARIOS, canary};

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
    fn a_scenario_that_the_page_of_defects_names_is_about_that_defect() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/DEFECTS.md");
        let page = std::fs::read_to_string(page).unwrap();
        let about = |slug: &str| {
            let about = SCENARIOS.iter().filter(|one| one.defects.contains(&slug));
            about.map(|one| one.name).collect::<Vec<_>>()
        };
        let slugs: BTreeSet<_> = SCENARIOS.iter().flat_map(|one| one.defects).collect();
        for slug in slugs {
            let row = page
                .lines()
                .find(|row| row.starts_with(&format!("| `{slug}` |")));
            let row = row.unwrap_or_else(|| panic!("{slug} has no row"));
            let (_, named) = row
                .rsplit_once("; scenario")
                .unwrap_or_else(|| panic!("the row of {slug} names no scenario"));
            let quoted = named.split('`').skip(1).step_by(2);
            for named in quoted.filter(|text| is_slug(text)) {
                assert!(about(slug).contains(&named), "{slug}: {named}");
            }
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
