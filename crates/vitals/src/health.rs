//! What `/health` says: figures by what they belong to, each with its bound and how full it is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::{Kind, State};
use crate::snapshot::{Health, Snapshot};

/// The health of a node.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing is past its bound and every source answered.
    pub healthy: bool,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
    /// Sizes by what they belong to. Of several with labels the fullest.
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, BTreeMap<&'static str, Figure>>,
}

/// A size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// How much there is.
    pub value: f64,
    /// What it is bounded by; `null` where nothing bounds it.
    pub limit: Option<f64>,
    /// How full it is.
    pub state: State,
}

impl Report {
    /// The health that a snapshot shows.
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut figures = BTreeMap::<_, BTreeMap<_, Figure>>::new();
        for reading in &snapshot.readings {
            if reading.metric.kind == Kind::Counter {
                continue;
            }
            let (group, name) = reading.metric.parts();
            let figure = Figure {
                value: reading.value,
                limit: reading.limit,
                state: reading.state(),
            };
            let kept = figures.entry(group).or_default().entry(name);
            let kept = kept.or_insert(figure);
            if (figure.state, figure.value) > (kept.state, kept.value) {
                *kept = figure;
            }
        }
        let problems = problems(snapshot);
        Self {
            healthy: problems.is_empty(),
            problems,
            figures,
        }
    }
}

fn problems(snapshot: &Snapshot) -> Vec<String> {
    let sources = snapshot
        .sources
        .iter()
        .filter_map(|source| match &source.health {
            Health::Up => None,
            Health::Failed(reason) => Some(format!("{}: {reason}", source.name)),
            Health::Ended(reason) => Some(format!("{} has ended: {reason}", source.name)),
        });
    let past = snapshot.readings.iter().filter_map(|reading| {
        let limit = reading.limit.filter(|_| reading.state() == State::Past)?;
        let (name, value) = (reading.metric.name, reading.value);
        Some(format!("{name} is {value}, past its bound of {limit}"))
    });
    sources.chain(past).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::metric::{Metric, Reading};
    use crate::snapshot::SourceState;

    static PEERS: Metric = Metric::gauge("address_book.peers", "Known peers.");
    static EVICTED: Metric = Metric::counter("address_book.evicted", "Peers that made room.");

    fn report(peers: f64, health: Health) -> serde_json::Value {
        let report = Report::new(&Snapshot {
            at: SystemTime::now(),
            readings: vec![
                Reading::new(&PEERS, peers).limit(1024.0),
                Reading::new(&EVICTED, 1.0),
            ],
            sources: vec![SourceState {
                name: "network",
                health,
            }],
        });
        serde_json::to_value(report).unwrap()
    }

    #[test]
    fn a_figure_stands_under_what_it_belongs_to() {
        let expected = serde_json::json!({
            "healthy": true,
            "problems": [],
            "address_book": { "peers": { "value": 1024.0, "limit": 1024.0, "state": "full" } },
        });
        assert_eq!(report(1024.0, Health::Up), expected);
    }

    #[test]
    fn what_is_past_its_bound_or_does_not_answer_is_a_problem() {
        let past = report(1025.0, Health::Up);
        assert_eq!(past["healthy"], false);
        assert_eq!(
            past["problems"][0],
            "address_book.peers is 1025, past its bound of 1024"
        );
        let ended = report(1.0, Health::Ended("the network was shut down".into()));
        assert_eq!(
            ended["problems"][0],
            "network has ended: the network was shut down"
        );
        let failed = report(1.0, Health::Failed("panicked".into()));
        assert_eq!(failed["problems"][0], "network: panicked");
    }
}
