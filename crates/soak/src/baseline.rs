//! An earlier run beside this one: does a patched side grow more than it did, or less?

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::IoContext;
use crate::stats::Growth;
use crate::{Error, Result};

/// What is read of an earlier run's `summary.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Baseline {
    /// The name of that run.
    pub run: String,
    scenarios: Vec<Row>,
}

#[derive(Debug, Clone, Deserialize)]
struct Row {
    name: String,
    patched: Option<Side>,
}

#[derive(Debug, Clone, Deserialize)]
struct Side {
    heap_growth: Option<Growth>,
}

/// A scenario's patched side then and now, live heap in bytes per event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    pub scenario: String,
    pub before: Growth,
    pub now: Growth,
    pub change: Change,
}

/// What has changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The intervals have figures in common.
    None,
    /// The whole interval lies above the earlier one.
    More,
    /// The whole interval lies below the earlier one.
    Less,
}

impl Baseline {
    /// Reads a run: its folder, its `summary.json`, or its name among the `runs`.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not there, [`Error::Baseline`] where it is none.
    pub fn read(name_or_path: &Path, runs: &Path) -> Result<Self> {
        let here = [name_or_path.to_owned(), runs.join(name_or_path)];
        let found = here.into_iter().find(|path| path.exists());
        let mut path = found.unwrap_or_else(|| PathBuf::from(name_or_path));
        if path.is_dir() {
            path.push("summary.json");
        }
        let text = fs::read_to_string(&path).on("cannot read the baseline", &path)?;
        serde_json::from_str(&text).map_err(|error| Error::Baseline {
            path,
            what: error.to_string(),
        })
    }

    /// Compares with what a scenario's patched side shows now. None where either run has no growth of it.
    pub fn compare(&self, scenario: &str, now: Option<Growth>) -> Option<Compared> {
        let row = self.scenarios.iter().find(|row| row.name == scenario)?;
        let (before, now) = (row.patched.as_ref()?.heap_growth?, now?);
        let change = if now.lower > before.upper {
            Change::More
        } else if now.upper < before.lower {
            Change::Less
        } else {
            Change::None
        };
        Some(Compared {
            scenario: scenario.into(),
            before,
            now,
            change,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(lower: f64, upper: f64) -> Growth {
        Growth {
            per_event: lower.midpoint(upper),
            lower,
            upper,
            points: 32,
        }
    }

    #[test]
    fn only_intervals_apart_are_a_change() {
        let baseline: Baseline = serde_json::from_str(
            r#"{"run":"then","scenarios":[{"name":"a","patched":{"heap_growth":{"per_event":5,"lower":4,"upper":6,"points":33}}},{"name":"b","patched":null}]}"#,
        )
        .unwrap();
        let change = |lower, upper| {
            let compared = baseline.compare("a", Some(between(lower, upper)));
            compared.unwrap().change
        };
        assert_eq!(change(5.0, 9.0), Change::None);
        assert_eq!(change(6.5, 9.0), Change::More);
        assert_eq!(change(0.0, 3.0), Change::Less);
        assert_eq!(baseline.compare("b", Some(between(0.0, 1.0))), None);
        assert_eq!(baseline.compare("a", None), None);
    }
}
