//! `cargo fork test`: upstream's own suites on the assembled crates, then ours; and, with `--before`, a change's tests
//! without its fix; and `cargo fork verify`. What `cargo soak mutate` builds is made here as well.

mod before;
pub mod mutant;
mod run;
pub mod suites;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cargo_metadata::{Metadata, MetadataCommand};
use serde::{Deserialize, Serialize};

pub use self::before::run as run_before;
use self::run::{Outcome, Suite};
use self::suites::Suites;
use crate::change::{self, Change, TestName};
use crate::error::IoContext;
use crate::process;
use crate::project::{Line, Project, package_spec, split_name};
use crate::verbs::assemble;
use crate::{Error, Result, assemble as assembly};

/// Which tests passed, of what inputs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// A digest of everything that the assembled crates of every line are made from.
    inputs: String,
    /// `<crate>-<version>` to the tests that passed there, as `<source file> <path of the test>`.
    passed: BTreeMap<String, BTreeSet<String>>,
}

impl Record {
    /// The crates whose suites ran, as `<crate>-<version>`.
    pub fn crates(&self) -> impl Iterator<Item = &str> {
        self.passed.keys().map(String::as_str)
    }

    /// Whether a test that a change names ran there and passed.
    pub fn passed(&self, krate: &str, name: &TestName) -> bool {
        self.passed.get(krate).is_some_and(|passed| {
            passed.iter().any(|line| {
                let (source, test) = line.split_once(' ').unwrap_or(("", line));
                name.is(test) && name.target().is_none_or(|_| source == name.file)
            })
        })
    }
}

/// The record of the last run, if it was of what stands here now.
pub fn last_record(project: &Project) -> Result<Option<Record>> {
    let path = project.scratch("test")?.join("record.json");
    let Ok(text) = fs::read(&path) else {
        return Ok(None);
    };
    let record: Option<Record> = serde_json::from_slice(&text).ok();
    let inputs = assembly::inputs_digest(&project.whole())?;
    Ok(record.filter(|record| record.inputs == inputs))
}

/// Runs the suites of one crate, or of all that a change could break, and then ours.
///
/// # Errors
/// [`Error::Check`] where a test fails, a crate does not build with some features, or a test that a change names did not run.
pub fn run(project: &Project, name: Option<&str>) -> Result<()> {
    let suites = Suites::read(project)?;
    let assembled = assemble::ensure(project)?;
    let changes = change::all(project)?;
    let crates = match name {
        Some(name) => vec![project.find_crate(name)?],
        None => in_scope(project, &changes)?,
    };

    let mut record = last_record(project)?.unwrap_or_default();
    record.inputs = assembly::inputs_digest(&project.whole())?;
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for krate in &crates {
        let outcome = run::run(project, &upstream_suite(project, krate, &suites)?)?;
        if changes.iter().any(|change| change.krate == *krate) {
            wrong.extend(check_features(project, krate, &suites)?);
        }
        wrong.extend(not_run(&changes, krate, &outcome));
        lines.push(outcome.line(krate, suites.of(krate).skipped().count()));
        wrong.extend(outcome.wrong(krate));
        record.passed.insert(krate.clone(), outcome.passed);
    }
    if name.is_none() {
        for (label, suite) in project.lines().iter().flat_map(own_suites) {
            let outcome = run::run(project, &suite)?;
            lines.push(outcome.line(label, 0));
            wrong.extend(outcome.wrong(label));
        }
    }
    // Hand edits are not in what the record is of.
    if assembled.edited.is_empty() {
        save(project, &record)?;
    }

    println!();
    suites.print_skips(&crates);
    for line in &lines {
        println!("{line}");
    }
    for what in &wrong {
        println!("wrong: {what}");
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(Error::Check(format!(
            "cargo fork test: {count} things are wrong, listed above"
        ))),
    }
}

/// The crates that have changes, and those of the fork that depend on one of them.
fn in_scope(project: &Project, changes: &[Change]) -> Result<Vec<String>> {
    let mut scope = Vec::new();
    for line in project.lines() {
        scope.extend(in_scope_of(line, project, changes)?);
    }
    Ok(scope)
}

fn in_scope_of(line: &Line, project: &Project, changes: &[Change]) -> Result<BTreeSet<String>> {
    let of_line = |krate: &String| project.is_of(krate, line);
    let mut crates = project.crates()?;
    crates.retain(of_line);
    let changed = changes.iter().map(|change| change.krate.clone());
    let mut scope: BTreeSet<String> = changed.filter(of_line).collect();
    let metadata = members(line)?;
    let folder = |name: &str| {
        crates
            .iter()
            .find(|krate| split_name(krate).is_some_and(|(n, _)| n == name))
    };
    loop {
        let before = scope.len();
        for package in &metadata.packages {
            let Some(krate) = folder(&package.name) else {
                continue;
            };
            let touched = |name: &str| folder(name).is_some_and(|on| scope.contains(on));
            if package
                .dependencies
                .iter()
                .any(|dependency| touched(&dependency.name))
            {
                scope.insert(krate.clone());
            }
        }
        if scope.len() == before {
            return Ok(scope);
        }
    }
}

fn upstream_suite(project: &Project, krate: &str, suites: &Suites) -> Result<Suite> {
    let of = suites.of(krate);
    let mut command = of.cargo(project.line_of(krate), "test")?;
    command.args([
        "--no-fail-fast",
        "-p",
        &package_spec(krate),
        "--lib",
        "--bins",
        "--tests",
    ]);
    of.add_to(&mut command);
    Ok(Suite {
        label: krate.to_owned(),
        command,
        seconds_max: of.seconds_max,
    })
}

/// Our own packages on the patched crates of a line (the integration tests, the workload, the libraries), and with those of
/// the first the two tools.
fn own_suites(line: &Line) -> Vec<(&'static str, Suite)> {
    const SECONDS_MAX: u64 = 15 * 60;
    let tools = ["--manifest-path", "crates/fork/Cargo.toml"];
    let suite = |label: &'static str, package: &str, more: &[&str]| {
        let mut command = line.cargo("test");
        command.args(["--no-fail-fast", "-p", package]).args(more);
        let suite = Suite {
            label: label.to_owned(),
            command,
            seconds_max: SECONDS_MAX,
        };
        (label, suite)
    };
    if !line.is_first() {
        return vec![suite(line.workload(), line.workload(), &[])];
    }
    vec![
        suite("tests", "evergreen-tests", &[]),
        suite("churn", "churn", &[]),
        suite("tracked-runtime", "tracked-runtime", &["--all-features"]),
        suite("vitals", "vitals", &[]),
        suite("fork", "fork", &tools),
        suite("soak", "soak", &tools),
    ]
}

/// What cargo says of the packages of a line's workspace, without their dependencies.
fn members(line: &Line) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(line.manifest()).no_deps();
    command.other_options(["--locked".to_owned()]);
    process::metadata(&mut command).map_err(|said| Error::Check(format!("cargo metadata: {said}")))
}

/// The features of an assembled crate.
fn features(project: &Project, krate: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let packages = members(project.line_of(krate))?.packages;
    let named = |(name, _): &(&str, &str)| packages.iter().find(|package| package.name == *name);
    let package = split_name(krate).as_ref().and_then(named);
    Ok(package.map_or_else(BTreeMap::new, |package| {
        package.features.clone().into_iter().collect()
    }))
}

/// A crate with changes builds with no, default and all features.
fn check_features(project: &Project, krate: &str, suites: &Suites) -> Result<Vec<String>> {
    let spec = package_spec(krate);
    let mut wrong = Vec::new();
    let all = match suites.of(krate).all_features(&features(project, krate)?) {
        Ok(all) => all,
        Err(what) => return Ok(vec![what]),
    };
    for (label, flag) in [
        ("no", Some("--no-default-features".to_owned())),
        ("default", None),
        ("all", Some(all)),
    ] {
        let mut command = project.line_of(krate).cargo("check");
        command.args(["--quiet", "-p", &spec, "--lib"]).args(flag);
        let suite = Suite {
            label: format!("{krate} with {label} features"),
            command,
            seconds_max: 10 * 60,
        };
        let outcome = run::run(project, &suite)?;
        if !outcome.success {
            wrong.push(format!(
                "{krate} does not build with {label} features; see {}",
                outcome.log.display()
            ));
        }
    }
    Ok(wrong)
}

/// The tests that changes name and that did not run and pass.
fn not_run(changes: &[Change], krate: &str, outcome: &Outcome) -> Vec<String> {
    let record = Record {
        inputs: String::new(),
        passed: BTreeMap::from([(krate.to_owned(), outcome.passed.clone())]),
    };
    let of_crate = changes.iter().filter(|change| change.krate == krate);
    of_crate
        .flat_map(|change| change.facts.tests.iter().map(move |test| (change, test)))
        .filter(|(_, test)| !record.passed(krate, test))
        .map(|(change, test)| format!("patch/{}: {test} did not run and pass", change.name()))
        .collect()
}

fn save(project: &Project, record: &Record) -> Result<()> {
    let path = project.scratch("test")?.join("record.json");
    let text = serde_json::to_vec_pretty(record).map_err(|error| Error::malformed(&path, error))?;
    fs::write(&path, text).on("cannot write", &path)
}
