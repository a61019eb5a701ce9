//! The figures of a run's samples, each as a series under its name, and which of them have a budget.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::protocol::Sample;

/// The figure that decides first: live heap, in bytes.
pub const HEAP: &str = "heap_bytes";

/// The figures that count things which a process must not gather, whatever it does.
const COUNTS: [&str; 4] = ["fds", "sockets", "threads", "tasks"];

/// What precedes the names of the figures in `stats`.
const STATS: &str = "stats";

/// How much the figures of a scenario may grow and still count as flat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Budgets {
    /// Live heap, in bytes per event.
    pub heap_bytes_per_event: f64,
    /// Descriptors, sockets, threads and tasks, each, per event.
    pub counts_per_event: f64,
}

impl Budgets {
    /// One thing left behind in a hundred events may be chance, or a bound that is still being filled; one in each would
    /// stand out a hundredfold.
    pub const COUNTS_PER_EVENT: f64 = 0.01;

    /// The budget of a figure, per event. Resident memory has none, as the allocator decides on it, and neither have the
    /// figures of `stats`, many of which count what has ever happened.
    pub fn of(&self, figure: &str) -> Option<f64> {
        match figure {
            HEAP => Some(self.heap_bytes_per_event),
            count if COUNTS.contains(&count) => Some(self.counts_per_event),
            _ => None,
        }
    }
}

/// Whether a figure is in bytes rather than a count.
pub fn is_bytes(figure: &str) -> bool {
    figure.ends_with("_bytes")
}

/// A figure over the events at which it was there, in order. Where it was not, there is no point.
pub type Series = Vec<(f64, f64)>;

/// Every figure that a sample from `warmup_events` on has, by its name.
pub fn settled<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    warmup_events: u64,
) -> BTreeMap<String, Series> {
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for sample in samples {
        if sample.events >= warmup_events {
            for (name, figure) in of(sample) {
                all.entry(name)
                    .or_default()
                    .push((sample.events as f64, figure));
            }
        }
    }
    all
}

/// The figures that a sample has.
fn of(sample: &Sample) -> Vec<(String, f64)> {
    let Sample {
        elapsed_ms: _,
        events: _,
        heap_bytes,
        resident_bytes,
        fds,
        sockets,
        threads,
        tasks,
        stats,
    } = sample;
    let named = [
        (HEAP, heap_bytes),
        ("resident_bytes", resident_bytes),
        ("fds", fds),
        ("sockets", sockets),
        ("threads", threads),
        ("tasks", tasks),
    ];
    let mut figures: Vec<_> = named
        .into_iter()
        .filter_map(|(name, figure)| Some((name.to_owned(), (*figure)? as f64)))
        .collect();
    if let Some(stats) = stats {
        flatten(STATS, stats, &mut figures);
    }
    figures
}

/// Every number in nested objects, by the path to it.
fn flatten(path: &str, value: &Value, figures: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{path}.{name}"), value, figures);
            }
        }
        Value::Number(number) => figures.extend(number.as_f64().map(|one| (path.to_owned(), one))),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> Sample {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_figure_that_is_missing_in_a_sample_has_no_point_there() {
        let samples = [
            sample(r#"{"elapsed_ms":1,"events":0,"heap_bytes":1}"#),
            sample(r#"{"elapsed_ms":1,"events":10,"heap_bytes":5,"fds":3}"#),
            sample(r#"{"elapsed_ms":1,"events":20,"heap_bytes":null,"fds":3}"#),
            sample(r#"{"elapsed_ms":1,"events":30,"heap_bytes":7,"fds":4}"#),
        ];
        let series = settled(&samples, 10);
        assert_eq!(series[HEAP], [(10.0, 5.0), (30.0, 7.0)]);
        assert_eq!(series["fds"], [(10.0, 3.0), (20.0, 3.0), (30.0, 4.0)]);
        assert!(!series.contains_key("threads"));
    }

    #[test]
    fn every_number_of_stats_is_a_figure_by_its_path() {
        let sample = sample(
            r#"{"elapsed_ms":1,"events":0,"stats":{"peers":7,"gossip":{"topics":2,"name":"x","on":true,"of":[1]}}}"#,
        );
        let series = settled([&sample], 0);
        let names: Vec<_> = series.keys().collect();
        assert_eq!(names, ["stats.gossip.topics", "stats.peers"]);
    }

    #[test]
    fn only_the_heap_and_what_must_not_gather_have_a_budget() {
        let budgets = Budgets {
            heap_bytes_per_event: 8.0,
            counts_per_event: 0.5,
        };
        assert_eq!(budgets.of(HEAP), Some(8.0));
        assert_eq!(budgets.of("sockets"), Some(0.5));
        assert_eq!(budgets.of("resident_bytes"), None);
        assert_eq!(budgets.of("stats.messages"), None);
    }
}
