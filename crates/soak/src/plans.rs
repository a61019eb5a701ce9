//! Plans as files: which scenarios, how many events of each, against which budgets. Three come with the tool.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::IoContext;
use crate::{Error, Result};

/// The plans that come with the tool, by name. They stand in `plans/` of the checkout.
const BUILT_IN: [(&str, &str); 3] = [
    (Plan::QUICK, include_str!("../../../plans/quick.toml")),
    (Plan::STANDARD, include_str!("../../../plans/standard.toml")),
    ("overnight", include_str!("../../../plans/overnight.toml")),
];

/// What to run, before the workload has said what it has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it is called on the command line.
    #[serde(skip)]
    pub name: String,
    /// What it is for, in one line.
    pub about: String,
    pub scenarios: Chosen,
    /// How many times the events of its quick size each scenario has, unless it says so itself.
    #[serde(default = "once")]
    pub times: u64,
    /// The scenario that is measured twice on the patched side: the first of these that the workload has, or else the first of the
    /// run.
    #[serde(default)]
    pub pair: Vec<String>,
    /// What single scenarios have of their own, by name.
    #[serde(default)]
    pub scenario: BTreeMap<String, Own>,
}

/// Which scenarios a plan runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Chosen {
    Every(Every),
    Named(Vec<String>),
}

/// The word for all that the workload lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    All,
}

/// What a scenario has of its own in a plan. What is left out is as the workload lists it.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    pub events: Option<u64>,
    pub samples: Option<u64>,
    /// How long a run of it should take at most; it is killed at five times that.
    pub seconds_max: Option<f64>,
    pub heap_bytes_per_event: Option<f64>,
    /// Of descriptors, sockets, threads and tasks, each.
    pub counts_per_event: Option<f64>,
}

impl Plan {
    /// The fixed six at their quick sizes.
    pub const QUICK: &str = "quick";

    /// Every scenario: what runs where nothing is asked for.
    pub const STANDARD: &str = "standard";

    /// The plan of that name, or in the file at that path.
    ///
    /// # Errors
    /// [`Error::Plan`] where it says something that no plan says, [`Error::Io`] where there is neither such a name nor such
    /// a file.
    pub fn find(name_or_path: &str) -> Result<Self> {
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == name_or_path);
        let text = match built_in {
            Some((_, text)) => (*text).to_owned(),
            None => fs::read_to_string(name_or_path).on(
                "neither `quick`, `standard` nor `overnight`, nor a plan in a file:",
                Path::new(name_or_path),
            )?,
        };
        Self::read(name_or_path, &text)
    }

    fn read(name: &str, text: &str) -> Result<Self> {
        let wrong = |what: String| Error::Plan {
            name: name.into(),
            what,
        };
        let plan: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        plan.check().map_err(wrong)?;
        Ok(Self {
            name: name.into(),
            ..plan
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.times == 0 {
            return Err("expected `times` of at least 1, found 0".into());
        }
        for (name, own) in &self.scenario {
            let Own {
                events,
                samples,
                seconds_max,
                heap_bytes_per_event,
                counts_per_event,
            } = own;
            let seconds = seconds_max.is_none_or(|one| (0.01..=86_400.0).contains(&one));
            let budgets = [heap_bytes_per_event, counts_per_event];
            let budgets = budgets
                .into_iter()
                .flatten()
                .all(|budget| (0.0..=f64::MAX).contains(budget));
            if *events == Some(0) || samples.is_some_and(|samples| samples < 2) {
                return Err(format!(
                    "scenario `{name}`: expected at least 1 event and 2 samples"
                ));
            }
            if !seconds || !budgets {
                return Err(format!(
                    "scenario `{name}`: expected seconds_max between 0.01 and 86400, and budgets of 0 or more"
                ));
            }
        }
        Ok(())
    }
}

fn once() -> u64 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_that_come_with_the_tool_are_read() {
        let quick = Plan::find(Plan::QUICK).unwrap();
        assert_eq!(quick.times, 1);
        let Chosen::Named(six) = quick.scenarios else {
            panic!("fixed six");
        };
        assert_eq!(six.len(), 6);
        let standard = Plan::find(Plan::STANDARD).unwrap();
        assert_eq!(
            (standard.times, standard.scenarios),
            (4, Chosen::Every(Every::All))
        );
        assert_eq!(standard.scenario["sync-frames"].events, Some(288));
        let overnight = Plan::find("overnight").unwrap();
        assert_eq!(overnight.scenario["known-peers"].events, Some(1_000_000));
    }

    #[test]
    fn a_plan_that_says_what_none_says_is_refused_with_what_it_said() {
        let refused = |text: &str| Plan::read("mine", text).unwrap_err().to_string();
        let begin = "about = \"x\"\nscenarios = \"all\"\n";
        assert!(refused(&format!("{begin}event = 5")).contains("unknown field `event`"));
        assert!(refused(&format!("{begin}times = 0")).contains("`times` of at least 1"));
        assert!(refused("about = \"x\"\nscenarios = \"most\"").contains("scenarios"));
        let own = format!("{begin}[scenario.a]\nsamples = 1");
        assert!(refused(&own).contains("scenario `a`: expected at least"));
        let own = format!("{begin}[scenario.a]\nheap_bytes_per_event = -1.0");
        assert!(refused(&own).contains("budgets of 0 or more"));
    }

    #[test]
    fn a_name_that_is_neither_a_plan_nor_a_file_is_told_so() {
        let error = Plan::find("quik").unwrap_err().to_string();
        assert!(error.starts_with("neither `quick`"), "{error}");
    }
}
