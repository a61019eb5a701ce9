//! Which scenarios run, how large, in what order, and how long each may take: decided before anything is started.

use std::path::PathBuf;
use std::time::Duration;

use crate::controls::Canary;
use crate::figures::Budgets;
use crate::plans::{Chosen, Own, Plan};
use crate::protocol::{SAMPLES_MAX, Scenario, Side};
use crate::{Error, Result};

/// The scenario of the workload that is a control and never a row of the table.
const CANARY: &str = "canary";

/// How many times its own estimate a scenario may take before it is killed. A workload ends itself at four times.
const TOTAL_FACTOR: u32 = 5;

/// How many times its own estimate a scenario may write nothing before it counts as hung.
const QUIET_FACTOR: u32 = 2;

/// What the user asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Only these scenarios; empty: all of the plan.
    pub scenarios: Vec<String>,
    pub plan: Plan,
    pub seed: u64,
}

/// How often a scenario that cannot be told is measured again, each time with twice the events of the time before.
pub const EXTENSIONS_MAX: usize = 2;

/// One scenario to run, once a side.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub scenario: Scenario,
    /// What it is called in files and progress: the scenario's name, but for a control.
    pub label: String,
    /// What an event is to leak, for the canary.
    pub leak_bytes: Option<u64>,
    /// The folder for heap profiles, where they are wanted.
    pub heaps: Option<PathBuf>,
    pub seed: u64,
    pub events: u64,
    pub samples: u64,
    pub budgets: Budgets,
    pub limits: Limits,
}

impl Job {
    /// The same with twice the events, at the same distance between samples.
    pub fn extended(&self) -> Self {
        let samples = self.samples.saturating_mul(2).saturating_sub(1);
        Self {
            events: self.events.saturating_mul(2),
            samples: samples.min(SAMPLES_MAX as u64 - 1),
            limits: self.limits.times(2),
            ..self.clone()
        }
    }
}

/// What is measured to see whether the instrument can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlJobs {
    /// None where the workload lists no canary.
    pub canaries: Vec<(Canary, Job)>,
    /// The same job twice.
    pub pair: [Job; 2],
}

/// How long a child may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub total: Duration,
    /// Without writing a line.
    pub quiet: Duration,
}

impl Limits {
    /// The same so many times over.
    pub fn times(self, times: u32) -> Self {
        Self {
            total: self.total * times,
            quiet: self.quiet * times,
        }
    }
}

/// The jobs that the wish comes to, in the order in which the workload lists its scenarios.
///
/// # Errors
/// [`Error::UnknownScenario`] with the scenarios there are.
pub fn plan(listed: &[Scenario], wish: &Wish) -> Result<Vec<Job>> {
    let has = |name: &String| listed.iter().any(|scenario| &scenario.name == name);
    let planned = match &wish.plan.scenarios {
        // Another workload than ours has none of the plan's; a run of it is all of it.
        Chosen::Named(names) if names.iter().any(has) => names.as_slice(),
        Chosen::Named(_) | Chosen::Every(_) => &[],
    };
    let chosen = if wish.scenarios.is_empty() {
        planned
    } else {
        &wish.scenarios
    };
    if let Some(name) = chosen.iter().find(|name| !has(name)) {
        return Err(Error::UnknownScenario {
            name: name.clone(),
            known: names(listed),
        });
    }
    Ok(listed
        .iter()
        .filter(|scenario| scenario.name != CANARY)
        .filter(|scenario| chosen.is_empty() || chosen.contains(&scenario.name))
        .map(|scenario| {
            let own = wish.plan.scenario.get(&scenario.name);
            job(scenario, wish.seed, wish.plan.times, own)
        })
        .collect())
}

/// The controls of a run of this workload, always at their quick sizes. The pair is of the first scenario that the plan names for
/// it and the workload has, or else of the first of `jobs`.
///
/// # Errors
/// [`Error::NothingToRun`] where there are no jobs.
pub fn controls(listed: &[Scenario], jobs: &[Job], wish: &Wish) -> Result<ControlJobs> {
    let named = |name: &str| listed.iter().find(|scenario| scenario.name == name);
    let canaries = named(CANARY).map(|scenario| {
        let job = job(scenario, wish.seed, 1, None);
        Canary::ALL.map(|canary| {
            let leak_bytes = canary.leak_bytes(scenario.budget_bytes_per_event);
            let job = Job {
                label: format!("{CANARY}-{leak_bytes}"),
                leak_bytes: Some(leak_bytes),
                ..job.clone()
            };
            (canary, job)
        })
    });
    let first = jobs.first().map(|job| &job.scenario);
    let quiet = wish.plan.pair.iter().find_map(|name| named(name));
    let scenario = quiet.or(first).ok_or(Error::NothingToRun)?;
    let pair = job(scenario, wish.seed, 1, None);
    Ok(ControlJobs {
        canaries: canaries.into_iter().flatten().collect(),
        pair: [1, 2].map(|number| Job {
            label: format!("pair-{number}"),
            ..pair.clone()
        }),
    })
}

/// Checks that both sides offer the same, and says in one line where they do not.
///
/// # Errors
/// [`Error::ListsDiffer`].
pub fn agree(upstream: &[Scenario], patched: &[Scenario]) -> Result<()> {
    let (left, right) = (names(upstream), names(patched));
    if left != right {
        return Err(Error::ListsDiffer(format!(
            "upstream has {left}; patched has {right}"
        )));
    }
    match upstream
        .iter()
        .zip(patched)
        .find(|(left, right)| left != right)
    {
        Some((scenario, _)) => Err(Error::ListsDiffer(format!(
            "they describe {} differently",
            scenario.name
        ))),
        None => Ok(()),
    }
}

/// The side of each of a job's two runs. The order alternates from job to job, so that neither side always meets the
/// cooler or the busier machine.
pub fn order(job: usize) -> [Side; 2] {
    if job.is_multiple_of(2) {
        [Side::Upstream, Side::Patched]
    } else {
        [Side::Patched, Side::Upstream]
    }
}

/// A scenario at so many times its quick size, but for what the plan says of it alone.
fn job(scenario: &Scenario, seed: u64, times: u64, own: Option<&Own>) -> Job {
    let quick = &scenario.quick;
    let none = Own::default();
    let own = own.unwrap_or(&none);
    let events = own.events.unwrap_or(quick.events.saturating_mul(times));
    let samples = own.samples.unwrap_or(quick.samples);
    let seconds = own
        .seconds_max
        .unwrap_or(quick.seconds_max * (events as f64 / quick.events as f64).max(1.0));
    let estimate = Duration::from_secs_f64(seconds);
    Job {
        scenario: scenario.clone(),
        label: scenario.name.clone(),
        leak_bytes: None,
        heaps: None,
        seed,
        events,
        samples: samples.min(SAMPLES_MAX as u64 - 1),
        budgets: Budgets {
            heap_bytes_per_event: own
                .heap_bytes_per_event
                .unwrap_or(scenario.budget_bytes_per_event),
            counts_per_event: own.counts_per_event.unwrap_or(Budgets::COUNTS_PER_EVENT),
        },
        limits: Limits {
            total: estimate * TOTAL_FACTOR,
            quiet: estimate * QUIET_FACTOR,
        },
    }
}

fn names(scenarios: &[Scenario]) -> String {
    let names: Vec<_> = scenarios
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol;

    fn listed(names: &[&str]) -> Vec<Scenario> {
        let scenario = |name: &&str| Scenario {
            name: (*name).into(),
            about: "does something".into(),
            event: "thing done".into(),
            defects: vec!["a-defect".into()],
            quick: protocol::Size {
                events: 1000,
                samples: 40,
                seconds_max: 3.0,
            },
            budget_bytes_per_event: 8.0,
        };
        names.iter().map(scenario).collect()
    }

    fn planned(names: &[&str], chosen: &[&str], plan_name: &str) -> Vec<String> {
        let wish = Wish {
            scenarios: chosen.iter().map(|name| (*name).to_owned()).collect(),
            plan: Plan::find(plan_name).unwrap(),
            seed: 1,
        };
        let jobs = plan(&listed(names), &wish).unwrap();
        jobs.into_iter().map(|job| job.scenario.name).collect()
    }

    #[test]
    fn a_quick_run_stays_the_fixed_six_and_a_full_one_takes_all() {
        let names = [
            "known-peers",
            "gossip-locks",
            "peer-churn",
            "added-later",
            "lonely-bootstrap",
            "topic-churn",
            "gossip-messages",
        ];
        let six = [&names[..3], &names[4..]].concat();
        assert_eq!(planned(&names, &[], Plan::QUICK), six);
        assert_eq!(planned(&names, &[], Plan::STANDARD), names);
        assert_eq!(
            planned(&names, &["added-later"], Plan::QUICK),
            ["added-later"]
        );
        assert_eq!(planned(&["your-own"], &[], Plan::QUICK), ["your-own"]);
    }

    #[test]
    fn an_unknown_scenario_is_named_with_those_there_are() {
        let wish = Wish {
            scenarios: vec!["know-peers".into()],
            plan: Plan::find(Plan::STANDARD).unwrap(),
            seed: 1,
        };
        let error = plan(&listed(&["known-peers", "topic-churn"]), &wish).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no scenario `know-peers`; expected one of: known-peers, topic-churn"
        );
    }

    #[test]
    fn a_standard_run_has_four_times_the_events_and_the_time() {
        let job_of = |name| {
            let wish = Wish {
                scenarios: vec!["known-peers".into()],
                plan: Plan::find(name).unwrap(),
                seed: 9,
            };
            plan(&listed(&["known-peers"]), &wish).unwrap().remove(0)
        };
        let (quick, full) = (job_of(Plan::QUICK), job_of(Plan::STANDARD));
        assert_eq!((quick.events, quick.limits.total.as_secs()), (1000, 15));
        assert_eq!((full.events, full.limits.total.as_secs()), (4000, 60));
        assert_eq!(
            (full.samples, full.seed, full.limits.quiet.as_secs()),
            (40, 9, 24)
        );
    }

    #[test]
    fn an_extended_job_has_twice_the_events_and_the_time_at_the_same_distance_between_samples() {
        let listed = listed(&["known-peers"]);
        let job = super::job(&listed[0], 9, 1, None);
        let longer = job.extended();
        assert_eq!((job.events, job.samples), (1000, 40));
        assert_eq!((longer.events, longer.samples, longer.seed), (2000, 79, 9));
        assert_eq!(longer.limits.total, job.limits.total * 2);
        let most = (0..20).fold(job, |job, _| job.extended());
        assert!(most.samples < SAMPLES_MAX as u64);
    }

    #[test]
    fn the_canary_is_a_control_and_never_a_row() {
        let names = ["known-peers", "canary", "gossip-messages"];
        assert_eq!(
            planned(&names, &[], Plan::STANDARD),
            ["known-peers", "gossip-messages"]
        );
        let jobs = |names: &[&str]| {
            let wish = Wish {
                scenarios: vec![],
                plan: Plan::find(Plan::STANDARD).unwrap(),
                seed: 1,
            };
            let listed = listed(names);
            let jobs = plan(&listed, &wish).unwrap();
            controls(&listed, &jobs, &wish).map(|controls| {
                let canaries = controls.canaries.iter();
                let leaks: Vec<_> = canaries.filter_map(|(_, job)| job.leak_bytes).collect();
                (
                    leaks,
                    controls.pair.map(|job| (job.scenario.name, job.events)),
                )
            })
        };
        let quiet = ("gossip-messages".to_owned(), 1000);
        assert_eq!(
            jobs(&names).unwrap(),
            (vec![4, 8, 16], [quiet.clone(), quiet])
        );
        let own = ("your-own".to_owned(), 1000);
        assert_eq!(jobs(&["your-own"]).unwrap(), (vec![], [own.clone(), own]));
        assert!(matches!(jobs(&["canary"]), Err(Error::NothingToRun)));
    }

    #[test]
    fn what_a_plan_says_of_one_scenario_holds_for_that_one() {
        let own = Own {
            events: Some(50_000),
            samples: Some(193),
            seconds_max: Some(60.0),
            heap_bytes_per_event: Some(2.0),
            counts_per_event: None,
        };
        let listed = listed(&["known-peers"]);
        let job = super::job(&listed[0], 1, 4, Some(&own));
        assert_eq!((job.events, job.samples), (50_000, 193));
        assert_eq!(job.limits.total.as_secs(), 300);
        assert_eq!(job.budgets.heap_bytes_per_event, 2.0);
        assert_eq!(job.budgets.counts_per_event, Budgets::COUNTS_PER_EVENT);
    }

    #[test]
    fn the_order_of_sides_alternates() {
        assert_eq!(order(0), [Side::Upstream, Side::Patched]);
        assert_eq!(order(1), [Side::Patched, Side::Upstream]);
    }

    #[test]
    fn sides_that_differ_in_name_or_size_do_not_agree() {
        let one = listed(&["a", "b"]);
        assert!(agree(&one, &one).is_ok());
        let error = agree(&one, &listed(&["a"])).unwrap_err().to_string();
        assert!(
            error.contains("upstream has a, b; patched has a;"),
            "{error}"
        );
        let mut other = one.clone();
        other[1].quick.events += 1;
        let error = agree(&one, &other).unwrap_err().to_string();
        assert!(error.contains("they describe b differently"), "{error}");
    }
}
