//! Whether each change is held by something: takes one out, with what stands on it, and looks whether a test that it names
//! fails or a scenario of its defects grows.
//!
//! What it finds stands in `docs/mutations.toml`, an entry a change, written as soon as it is known: a run that was stopped goes
//! on there, and an entry counts until a crate that it is about changes. It builds nearly without optimisation,
//! since a mutant is built once, and its scenarios run at their quick sizes: they are to show growth, not to measure it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fork::change::{self, Change, TestName};
use fork::ledger;
use fork::project::{Line, Project};
use fork::verbs::assemble;
use fork::verbs::test::mutant::{self, Built, Mutant};
use fork::verbs::test::suites::Suites;
use serde::{Deserialize, Serialize};

use crate::error::IoContext;
use crate::interrupt::Interrupt;
use crate::network::Network;
use crate::plan::{self, EXTENSIONS_MAX, Job, Wish};
use crate::plans::Plan;
use crate::protocol::{Scenario, Side};
use crate::verdict::{Ended, Trend};
use crate::workload::{Ending, Failure, Workload};
use crate::{Error, Result, build};

/// Where the record stands in a checkout.
pub const RECORD: &str = "docs/mutations.toml";

/// How much longer a run may take than an optimised one.
const UNOPTIMISED_TIMES: u32 = 8;

/// What the record begins with.
const HEAD: &str = "\
# What came of taking out each change, with those that stand on it: which of its tests fail then, and which scenarios of its
# defects grow. Written by `cargo soak mutate`, which goes on where this ends. `inputs` is a digest of the crates that the
# entry is about: where it no longer fits, the change is looked at again. After an edit of the workload, `--again` does.
";

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// These changes; every one where there is none.
    pub changes: Vec<String>,
    /// Only those of this crate.
    pub krate: Option<String>,
    /// Tests alone.
    pub no_scenarios: bool,
    /// Also where the record says what came of it.
    pub again: bool,
    /// Look at nothing, and say what the record has.
    pub list: bool,
}

/// The record, by the name of the change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    #[serde(default)]
    pub change: BTreeMap<String, Looked>,
}

/// What came of taking out one change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    pub inputs: String,
    /// The day, YYYY-MM-DD.
    pub day: String,
    /// What went with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// What else went for the workload to build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with_for_scenarios: Vec<String>,
    /// By test.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, Seen>,
    /// By scenario, until one with each of its defects noticed; empty where none has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scenarios: BTreeMap<String, Seen>,
    /// By test, with the changes behind it in its series out as well. Looked at where nothing notices otherwise: one of those
    /// may mend the same by the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests_without_later: BTreeMap<String, Seen>,
    /// Whether scenarios were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tests_alone: bool,
}

/// What a test or a scenario shows of a change that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It fails, or grows; with its words.
    Noticed(String),
    /// It passes, or is flat.
    Unnoticed(String),
    /// Without the change and what stands on it there is nothing that builds.
    NotIsolated(String),
    /// It does not tell: with the change the scenario is not flat either, or ends early; or its interval does not decide.
    CannotTell(String),
}

/// What is to be said of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    Noticed,
    Unnoticed,
    /// Nothing notices while a later change of its series is in, which mends the same, and its tests do without that one.
    Superseded,
    NotIsolated,
    CannotTell,
    /// No test can fail without it, as it says itself.
    Exempt,
    /// The record says nothing of it as it stands.
    NotLooked,
}

/// The tests that the record has seen fail without their change as it stands now, as `<crate>-<version>/<test>`; `all` are
/// the changes of every line.
///
/// # Errors
/// [`Error::Fork`] where the record or a pin cannot be read.
pub fn seen_failing(project: &Project, all: &[Change]) -> Result<BTreeSet<String>> {
    let project = project.whole();
    let record: Record = ledger::read(&project.root().join(RECORD))?;
    Ok(record.seen_failing(all, &mutant::inputs(&project, all)?))
}

impl Record {
    /// The entry of a change, where it fits the change as it stands: `inputs` are those of [`mutant::inputs`].
    fn fitting(&self, change: &Change, inputs: &BTreeMap<String, String>) -> Option<&Looked> {
        let looked = self.change.get(&change.name());
        looked.filter(|looked| looked.inputs == inputs[&change.krate])
    }

    fn seen_failing(&self, all: &[Change], inputs: &BTreeMap<String, String>) -> BTreeSet<String> {
        let mut failing = BTreeSet::new();
        for change in all {
            if let Some(looked) = self.fitting(change, inputs) {
                let noticed = looked.tests.iter().filter(|(_, seen)| seen.is_noticed());
                failing.extend(noticed.map(|(test, _)| format!("{}/{test}", change.krate)));
            }
        }
        failing
    }
}

impl Seen {
    fn is_noticed(&self) -> bool {
        matches!(self, Self::Noticed(_))
    }
}

impl Looked {
    /// All of it in a word.
    pub fn held(&self) -> Held {
        let all = || self.tests.values().chain(self.scenarios.values());
        let any = |wanted: fn(&Seen) -> bool| all().any(wanted);
        if any(Seen::is_noticed) {
            Held::Noticed
        } else if self.tests_without_later.values().any(Seen::is_noticed) {
            Held::Superseded
        } else if any(|seen| matches!(seen, Seen::NotIsolated(_))) {
            Held::NotIsolated
        } else if any(|seen| matches!(seen, Seen::CannotTell(_))) {
            Held::CannotTell
        } else {
            Held::Unnoticed
        }
    }
}

/// Every change, and what is to be said of it, in the order of the series.
pub type Findings = Vec<(String, Held, Option<Looked>)>;

/// The exit code of these findings: 1 where something is not noticed, else 2 where something is not known, else 0.
pub fn exit_code(findings: &Findings) -> u8 {
    let any = |wanted: &[Held]| findings.iter().any(|(_, held, _)| wanted.contains(held));
    if any(&[Held::Unnoticed]) {
        1
    } else if any(&[Held::NotIsolated, Held::CannotTell, Held::NotLooked]) {
        2
    } else {
        0
    }
}

/// Looks at the wanted changes that the record does not know as they stand, and says what the record then has of each of them.
///
/// # Errors
/// [`Error::Fork`] where a change cannot be laid or is not there, [`Error::Interrupted`]; what was found before is recorded.
pub fn run(
    project: &Project,
    wanted: &Wanted,
    tell: impl Fn(&str),
    interrupt: &Interrupt,
) -> Result<Findings> {
    let suites = Suites::read(project)?;
    let all = change::all(project)?;
    let chosen = chosen(project, wanted, &all)?;
    let path = project.root().join(RECORD);
    let mut record: Record = ledger::read(&path)?;
    let mut bench = Bench {
        project,
        interrupt,
        baselines: BTreeMap::new(),
    };
    let inputs = mutant::inputs(project, &all)?;
    for (at, change) in chosen.iter().enumerate() {
        let known = record.fitting(change, &inputs);
        let known = known.filter(|_| !wanted.again);
        let done = known.is_some_and(|known| !known.tests_alone || wanted.no_scenarios);
        if change.facts.exempt.is_some() || done || wanted.list {
            continue;
        }
        tell(&format!(
            "{} of {}: {}",
            at + 1,
            chosen.len(),
            change.name()
        ));
        mutant::require_unedited(&assemble::ensure(&project.of(&change.krate))?)?;
        let mutant = Mutant::lay(project, &suites, &all, change)?;
        let inputs = inputs[&change.krate].clone();
        let looked = bench.look(mutant, change, inputs, known.cloned(), wanted.no_scenarios)?;
        tell(&format!("{}: {}", change.name(), looked.held()));
        record = ledger::update(&path, HEAD, |record: &mut Record| {
            record.change.insert(change.name(), looked);
            let is_there = |name: &String| all.iter().any(|change| change.name() == *name);
            record.change.retain(|name, _| is_there(name));
        })?;
    }
    chosen
        .into_iter()
        .map(|change| {
            let looked = record.fitting(change, &inputs).cloned();
            let held = match (&change.facts.exempt, &looked) {
                (Some(_), _) => Held::Exempt,
                (None, Some(looked)) => looked.held(),
                (None, None) => Held::NotLooked,
            };
            Ok((change.name(), held, looked))
        })
        .collect()
}

fn chosen<'a>(project: &Project, wanted: &Wanted, all: &'a [Change]) -> Result<Vec<&'a Change>> {
    let krate = wanted.krate.as_deref();
    let krate = krate.map(|name| project.find_crate(name)).transpose()?;
    let mut names = Vec::new();
    for slug in &wanted.changes {
        names.push(change::find(project, slug)?.name());
    }
    let fits = |change: &&Change| {
        krate.as_ref().is_none_or(|krate| *krate == change.krate)
            && (names.is_empty() || names.contains(&change.name()))
    };
    Ok(all.iter().filter(fits).collect())
}

/// What mutants are looked at with.
struct Bench<'a> {
    project: &'a Project,
    interrupt: &'a Interrupt,
    /// By line, and by the side that the workload takes what it is built on for.
    baselines: BTreeMap<(&'static str, Side), Baseline>,
}

/// What the mutants of a line are compared with.
struct Baseline {
    /// With all changes, and built alike.
    workload: Workload,
    listed: Vec<Scenario>,
    /// What a scenario shows on it.
    shown: BTreeMap<String, Shown>,
}

/// How a run of a scenario ended, with its words.
#[derive(Clone)]
enum Shown {
    Whole(Trend, String),
    /// What is measured serves nobody any more.
    Dead(String),
    /// The run itself came to no end.
    Failed(String),
}

impl Bench<'_> {
    /// `known`: what its tests said, where its scenarios alone were left out.
    fn look(
        &mut self,
        mut mutant: Mutant,
        change: &Change,
        inputs: String,
        known: Option<Looked>,
        tests_alone: bool,
    ) -> Result<Looked> {
        let mut looked = match known {
            Some(known) => {
                mutant.take_out(known.with.iter().cloned())?;
                known
            }
            None => Looked {
                inputs,
                tests: self.tests(&mut mutant, change)?,
                with: mutant.out(),
                ..Looked::default()
            },
        };
        looked.day = ledger::today();
        looked.tests_alone = tests_alone;
        if !tests_alone {
            looked.scenarios = self.scenarios(&mut mutant, change)?;
            let more = mutant.out().into_iter();
            looked.with_for_scenarios = more.filter(|name| !looked.with.contains(name)).collect();
        }
        let later = mutant.later();
        if looked.held() == Held::Unnoticed && !later.is_empty() {
            mutant.take_out(later)?;
            looked.tests_without_later = self.tests(&mut mutant, change)?;
        }
        Ok(looked)
    }

    /// The tests of the change, on the mutant.
    fn tests(&self, mutant: &mut Mutant, change: &Change) -> Result<BTreeMap<String, Seen>> {
        let built = mutant.build_tests()?;
        let seen = |test: &TestName| -> Result<Seen> {
            Ok(match &built {
                Built::Yes(()) => match mutant.fails(test)? {
                    Ok(said) => Seen::Noticed(self.without_paths(&said)),
                    Err(why) => Seen::Unnoticed(self.without_paths(&why)),
                },
                Built::No(why) => Seen::NotIsolated(self.without_paths(why)),
            })
        };
        let tests = change.facts.tests.iter();
        tests
            .map(|test| Ok((test.to_string(), seen(test)?)))
            .collect()
    }

    /// The scenarios that have one of the change's defects, on the mutant. Those that are about fewer defects come first, and
    /// a defect that one of them shows is looked for in no other.
    fn scenarios(
        &mut self,
        mutant: &mut Mutant,
        change: &Change,
    ) -> Result<BTreeMap<String, Seen>> {
        let line = mutant.line().clone();
        let whole = &self.baseline(&line, Side::Patched)?.listed;
        let jobs = jobs(change, whole)?;
        let mut found = BTreeMap::new();
        if jobs.is_empty() {
            return Ok(found);
        }
        let workload = match self.workload_on(mutant)? {
            Built::Yes(workload) => workload,
            Built::No(why) => {
                let seen = Seen::NotIsolated(self.without_paths(&why));
                let names = jobs.into_iter().map(|job| job.label);
                return Ok(names.map(|name| (name, seen.clone())).collect());
            }
        };
        let mut left = change.facts.defects.clone();
        for job in jobs {
            let is_of_job = |defect: &String| job.scenario.defects.contains(defect);
            if !left.iter().any(is_of_job) {
                continue;
            }
            let seen = match self.with_all(&line, workload.side, &job)? {
                Shown::Whole(with_all, said) => {
                    let shown = self.show(&workload, &job)?;
                    self.seen((with_all, &said), shown)
                }
                Shown::Dead(said) | Shown::Failed(said) => Seen::CannotTell(format!(
                    "with all changes it ends early too, in this build: {}",
                    self.without_paths(&said)
                )),
            };
            if seen.is_noticed() {
                left.retain(|defect| !is_of_job(defect));
            }
            found.insert(job.label, seen);
        }
        Ok(found)
    }

    /// The workload on a mutant: what it asks of the fork, or, where that went with the change, what it asks of either
    /// side. Then nothing sets small limits, and what shows only past those is not told.
    fn workload_on(&self, mutant: &mut Mutant) -> Result<Built<Workload>> {
        let first = mutant.build_workload(told(Side::Patched))?;
        let (built, side) = match first {
            Built::Yes(_) => (first, Side::Patched),
            Built::No(_) => (mutant.build_workload(told(Side::Upstream))?, Side::Upstream),
        };
        Ok(match built {
            Built::Yes(program) => Built::Yes(workload(self.keep(&program, "mutant")?, side)),
            Built::No(why) => Built::No(why),
        })
    }

    /// What the scenario shows with all changes, in a build like the mutant's. Measured once.
    fn with_all(&mut self, line: &Line, side: Side, job: &Job) -> Result<Shown> {
        let baseline = self.baseline(line, side)?;
        if let Some(known) = baseline.shown.get(&job.label) {
            return Ok(known.clone());
        }
        let workload = baseline.workload.clone();
        let shown = self.show(&workload, job)?;
        let known = &mut self.baseline(line, side)?.shown;
        known.insert(job.label.clone(), shown.clone());
        Ok(shown)
    }

    /// What a scenario says of a mutant, where the run with all changes went to its end.
    fn seen(&self, with_all: (Trend, &str), shown: Shown) -> Seen {
        match (with_all, shown) {
            ((Trend::Flat, _), Shown::Whole(Trend::Grows, said)) => Seen::Noticed(said),
            ((Trend::Flat, _), Shown::Whole(Trend::Flat, said)) => Seen::Unnoticed(said),
            ((Trend::Flat, _), Shown::Whole(Trend::CannotTell, said)) => Seen::CannotTell(said),
            ((Trend::Flat, _), Shown::Failed(said)) | (_, Shown::Dead(said)) => {
                Seen::Noticed(self.without_paths(&said))
            }
            ((_, said), Shown::Whole(..) | Shown::Failed(_)) => Seen::CannotTell(format!(
                "with all changes it is not flat either, in this build: {}",
                self.without_paths(said)
            )),
        }
    }

    /// Runs a job until it is told. A run that takes too long says nothing of what is measured.
    fn show(&self, workload: &Workload, job: &Job) -> Result<Shown> {
        let log = self.project.scratch("mutant-bench")?.join("stderr.log");
        let mut job = job.clone();
        job.limits = job.limits.times(UNOPTIMISED_TIMES);
        let mut looks = 0;
        loop {
            let ran = workload.run(&job, &log, self.interrupt, |_| {});
            let growth = ran.heap_slope().map(|slope| slope.growth());
            let said = match &growth {
                Some(growth) => format!(
                    "{:.0} to {:.0} bytes an event, budget {:.0}",
                    growth.lower, growth.upper, job.budgets.heap_bytes_per_event
                ),
                None => "no figure of the live heap".into(),
            };
            match (ran.ended(&job.budgets), &ran.ending) {
                (Ended::Whole(Trend::CannotTell), _) if looks < EXTENSIONS_MAX => {
                    looks += 1;
                    job = job.extended();
                }
                (Ended::Whole(trend), _) => return Ok(Shown::Whole(trend, said)),
                (_, Ending::Dead(death)) => return Ok(Shown::Dead(death.to_string())),
                (_, Ending::Failed(failure)) => {
                    let said = failure.to_string();
                    let is_finding = matches!(failure, Failure::Crashed { .. } | Failure::Said(_));
                    return Ok(match is_finding {
                        true => Shown::Failed(said),
                        false => Shown::Whole(Trend::CannotTell, said),
                    });
                }
                (Ended::Dead | Ended::Failed | Ended::Stopped, _) => {
                    return Err(Error::Interrupted);
                }
            }
        }
    }

    fn baseline(&mut self, line: &Line, side: Side) -> Result<&mut Baseline> {
        let key = (line.name(), side);
        if !self.baselines.contains_key(&key) {
            let program = build::unoptimised(line, told(side), self.interrupt)?;
            let program = self.keep(&program, &format!("baseline-{}-{side}", line.name()))?;
            let workload = workload(program, side);
            let baseline = Baseline {
                listed: workload.list(self.interrupt)?,
                workload,
                shown: BTreeMap::new(),
            };
            self.baselines.insert(key, baseline);
        }
        Ok(self.baselines.get_mut(&key).expect("made above"))
    }

    /// A copy of a program that the next build will overwrite.
    fn keep(&self, program: &Path, name: &str) -> Result<PathBuf> {
        let to = self.project.scratch("mutant-bench")?.join(name);
        fs::copy(program, &to).on("cannot copy to", &to)?;
        Ok(to)
    }

    /// The record is for every machine: no folder of this one, and no log.
    fn without_paths(&self, text: &str) -> String {
        let root = format!("{}/", self.project.root().display());
        let temporary = std::env::temp_dir().display().to_string();
        let text = text
            .replace(&root, "")
            .replace(&temporary, "<temporary folder>");
        text.split("; see target/")
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

/// The jobs of a change's defects, at their quick sizes, those of the fewest defects first.
fn jobs(change: &Change, listed: &[Scenario]) -> Result<Vec<Job>> {
    let of_change = |scenario: &&Scenario| {
        let mut defects = scenario.defects.iter();
        defects.any(|defect| change.facts.defects.contains(defect))
    };
    let names = listed.iter().filter(of_change);
    let scenarios: Vec<_> = names.map(|scenario| scenario.name.clone()).collect();
    if scenarios.is_empty() {
        return Ok(Vec::new());
    }
    let wish = Wish {
        scenarios,
        plan: Plan::find(Plan::QUICK)?,
        seed: 1,
    };
    let mut jobs = plan::plan(listed, &wish)?;
    jobs.sort_by_key(|job| job.scenario.defects.len());
    Ok(jobs)
}

/// What cargo is told to build the workload as for a side. As for the untouched one, it asks for nothing of the fork.
fn told(side: Side) -> &'static [&'static str] {
    match side {
        Side::Patched => &[],
        Side::Upstream => &["--no-default-features"],
    }
}

fn workload(program: PathBuf, side: Side) -> Workload {
    Workload {
        side,
        network: Network::narrowest(),
        program,
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Noticed => "noticed",
            Self::Unnoticed => "NOT NOTICED",
            Self::Superseded => "superseded",
            Self::NotIsolated => "not isolated",
            Self::CannotTell => "cannot tell",
            Self::Exempt => "exempt",
            Self::NotLooked => "not looked at",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(tests: &[(&str, Seen)], scenarios: &[(&str, Seen)]) -> Looked {
        let owned = |seen: &[(&str, Seen)]| {
            let owned = |(name, seen): &(&str, Seen)| ((*name).to_owned(), seen.clone());
            seen.iter().map(owned).collect()
        };
        Looked {
            inputs: "0123".into(),
            day: "2026-11-21".into(),
            with: vec!["a-1.0.0/b".into()],
            tests: owned(tests),
            scenarios: owned(scenarios),
            ..Looked::default()
        }
    }

    #[test]
    fn one_test_or_one_scenario_is_enough_to_notice_and_a_failed_build_is_none() {
        let noticed = || Seen::Noticed("assertion failed".into());
        let passes = || Seen::Unnoticed("passes".into());
        let stuck = || Seen::NotIsolated("error: no".into());
        let held = |tests: &[_], scenarios: &[_]| looked(tests, scenarios).held();
        assert_eq!(
            held(&[("t", passes()), ("u", noticed())], &[]),
            Held::Noticed
        );
        assert_eq!(held(&[("t", passes())], &[("s", noticed())]), Held::Noticed);
        assert_eq!(
            held(&[("t", stuck())], &[("s", passes())]),
            Held::NotIsolated
        );
        assert_eq!(
            held(&[("t", passes())], &[("s", passes())]),
            Held::Unnoticed
        );
        assert_eq!(held(&[], &[]), Held::Unnoticed);

        let mut mended_again = looked(&[("t", passes())], &[]);
        mended_again.tests_without_later = BTreeMap::from([("t".to_owned(), passes())]);
        assert_eq!(mended_again.held(), Held::Unnoticed);
        mended_again.tests_without_later = BTreeMap::from([("t".to_owned(), noticed())]);
        assert_eq!(mended_again.held(), Held::Superseded);
    }

    #[test]
    fn what_is_not_noticed_outranks_what_is_not_known() {
        let findings = |all: &[Held]| -> Findings {
            all.iter()
                .map(|held| ("a".to_owned(), *held, None))
                .collect()
        };
        assert_eq!(exit_code(&findings(&[Held::Noticed, Held::Exempt])), 0);
        assert_eq!(exit_code(&findings(&[Held::Noticed, Held::NotLooked])), 2);
        assert_eq!(
            exit_code(&findings(&[Held::NotIsolated, Held::Unnoticed])),
            1
        );
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mutations.toml");
        let entry = looked(
            &[("src/a.rs::t", Seen::Noticed("left: \"1\"".into()))],
            &[("known-peers", Seen::CannotTell("-".into()))],
        );
        let record = Record {
            change: BTreeMap::from([("a-1.0.0/c".to_owned(), entry)]),
        };
        ledger::write(&path, HEAD, &record).unwrap();
        assert_eq!(ledger::read::<Record>(&path).unwrap(), record);
    }

    #[test]
    fn a_test_counts_as_seen_failing_while_its_change_is_as_it_was_then() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project = Project::discover(here).unwrap().whole();
        let all = change::all(&project).unwrap();
        let inputs = mutant::inputs(&project, &all).unwrap();
        let change = &all[0];
        let mut record = Record::default();
        let mut entry = looked(
            &[
                ("src/a.rs::t", Seen::Noticed("assertion failed".into())),
                ("src/a.rs::u", Seen::Unnoticed("passes".into())),
            ],
            &[],
        );
        record.change.insert(change.name(), entry.clone());
        assert_eq!(record.seen_failing(&all, &inputs), BTreeSet::new());
        entry.inputs = inputs[&change.krate].clone();
        record.change.insert(change.name(), entry);
        let failing = BTreeSet::from([format!("{}/src/a.rs::t", change.krate)]);
        assert_eq!(record.seen_failing(&all, &inputs), failing);
    }
}
