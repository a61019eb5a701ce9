//! What `cargo soak` measured, as its summaries under target/soak say it.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use crate::project::Project;

/// One scenario, as the newest run has it that reached both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub scenario: String,
    pub event: String,
    pub defects: Vec<String>,
    pub verdict: String,
    /// Growth of live heap, in bytes an event.
    pub untouched: f64,
    pub patched: f64,
    /// When the run began (RFC 3339), and the command that repeats it.
    pub started: String,
    pub replay: String,
}

/// Every scenario that was measured here, in order of name. What cannot be read counts as not measured.
pub fn latest(project: &Project) -> Vec<Measured> {
    let mut newest: BTreeMap<String, Measured> = BTreeMap::new();
    let Ok(runs) = fs::read_dir(project.root().join("target/soak")) else {
        return Vec::new();
    };
    let texts = runs
        .flatten()
        .filter_map(|run| fs::read(run.path().join("summary.json")).ok());
    for run in texts.filter_map(|text| serde_json::from_slice::<Run>(&text).ok()) {
        for measured in run
            .scenarios
            .iter()
            .filter_map(|scenario| scenario.of(&run))
        {
            match newest.get(&measured.scenario) {
                Some(there) if there.started >= measured.started => {}
                _ => {
                    newest.insert(measured.scenario.clone(), measured);
                }
            }
        }
    }
    newest.into_values().collect()
}

/// The parts of a summary that are used here; crates/soak writes it.
#[derive(Deserialize)]
struct Run {
    started: String,
    replay: String,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    name: String,
    event: String,
    defects: Vec<String>,
    verdict: String,
    upstream: Option<Side>,
    patched: Option<Side>,
}

#[derive(Deserialize)]
struct Side {
    heap_growth: Option<Growth>,
}

#[derive(Deserialize)]
struct Growth {
    per_event: f64,
}

impl Measured {
    /// The day on which the run began.
    pub fn day(&self) -> &str {
        self.started.split('T').next().unwrap_or(&self.started)
    }
}

impl Scenario {
    fn of(&self, run: &Run) -> Option<Measured> {
        let growth = |side: &Option<Side>| Some(side.as_ref()?.heap_growth.as_ref()?.per_event);
        Some(Measured {
            scenario: self.name.clone(),
            event: self.event.clone(),
            defects: self.defects.clone(),
            verdict: self.verdict.clone(),
            untouched: growth(&self.upstream)?,
            patched: growth(&self.patched)?,
            started: run.started.clone(),
            replay: run.replay.clone(),
        })
    }
}
