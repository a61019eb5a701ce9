//! `cargo fork verify`: every change stands on those before it alone, so that upstream can take the first without the last.
//!
//! Each prefix of a series is laid over the published crate in a workspace of its own, built, and tested with upstream's suite
//! and the tests of its changes. That takes long; what came of a prefix is recorded at once, and is not done again until
//! something in it changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::run::{self, Suite};
use super::suites::Suites;
use crate::change::{self, Change};
use crate::error::IoContext;
use crate::project::{Project, package_spec};
use crate::verbs::{assemble, untouched};
use crate::{Error, Result, assemble as assembly, lay};

/// What came of each prefix, by the name of its last change.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record(BTreeMap<String, Verified>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Verified {
    /// A digest of everything that it was made from.
    inputs: String,
    passed: usize,
    seconds: u64,
    /// What is wrong; nothing where all is well.
    wrong: Vec<String>,
}

/// One prefix to look at.
struct Prefix<'a> {
    krate: &'a str,
    changes: &'a [Change],
    inputs: String,
}

/// Verifies the series of one crate, or of all.
///
/// # Errors
/// [`Error::Check`] where a prefix does not build or a test of it fails, after all of them have been tried;
/// [`Error::Interrupted`] where it was stopped: the next call goes on there.
pub fn run(project: &Project, name: Option<&str>) -> Result<()> {
    assemble::ensure(project)?;
    let suites = Suites::read(project)?;
    let all = change::all(project)?;
    let path = record_path(project)?;
    let mut record = read(&path);
    let prefixes = prefixes(project, name, &all)?;
    let mut wrong = 0;
    for (at, prefix) in prefixes.iter().enumerate() {
        let name = prefix.name();
        let known = record
            .0
            .get(&name)
            .filter(|known| known.inputs == prefix.inputs);
        let verified = match known {
            Some(known) => known.clone(),
            None => {
                println!("verify: {} of {}: {name}", at + 1, prefixes.len());
                let verified = prefix.verify(project, &suites, &all)?;
                record.0.insert(name.clone(), verified.clone());
                write(&path, &record)?;
                verified
            }
        };
        println!("{}", verified.said(&name));
        wrong += usize::from(!verified.wrong.is_empty());
    }
    println!("recorded in {}", path.display());
    match wrong {
        0 => {
            println!(
                "verify: {} changes stand on those before them alone",
                prefixes.len()
            );
            Ok(())
        }
        _ => Err(Error::Check(format!(
            "verify: {wrong} of {} changes do not stand on those before them alone, as said above",
            prefixes.len()
        ))),
    }
}

impl Verified {
    fn said(&self, name: &str) -> String {
        match self.wrong.is_empty() {
            true => format!(
                "{name}: {} tests passed, in {} s",
                self.passed, self.seconds
            ),
            false => self.wrong.join("; "),
        }
    }
}

impl Prefix<'_> {
    fn name(&self) -> String {
        self.changes.last().map(Change::name).unwrap_or_default()
    }

    fn verify(&self, project: &Project, suites: &Suites, all: &[Change]) -> Result<Verified> {
        let started = std::time::Instant::now();
        let needs = change::needed_crates(self.changes, all);
        let line = project.line_of(self.krate);
        // One place for all prefixes of a crate: what stands around it is built once.
        let workspace = untouched::Workspace {
            purpose: format!("verify/{}", self.krate),
            krate: self.krate,
            needs: &needs,
            side: suites.untouched_needs(line),
        };
        let dir = workspace.make(project, |repo| {
            self.changes
                .iter()
                .try_for_each(|change| lay::lay_change(repo, change))
        })?;
        let of = suites.of(self.krate);
        let mut command = of.cargo(line, "test")?;
        command
            .arg("--no-fail-fast")
            .args(["-p", &package_spec(self.krate), "-p", untouched::SIDE])
            .args(["--lib", "--bins", "--tests"])
            .env("CARGO_TARGET_DIR", project.root().join("target"))
            .current_dir(dir);
        of.add_to(&mut command);
        let suite = Suite {
            label: format!("verify {}", self.name()),
            command,
            seconds_max: of.seconds_max,
        };
        let outcome = run::run(project, &suite)?;
        let mut wrong: Vec<String> = outcome.wrong(&self.name()).into_iter().collect();
        if wrong.is_empty() {
            wrong.extend(super::not_run(self.changes, self.krate, &outcome));
        }
        Ok(Verified {
            inputs: self.inputs.clone(),
            passed: outcome.passed_count,
            seconds: started.elapsed().as_secs(),
            wrong,
        })
    }
}

/// Every prefix of each series; `all` is in the order of crates and series.
fn prefixes<'a>(
    project: &Project,
    name: Option<&str>,
    all: &'a [Change],
) -> Result<Vec<Prefix<'a>>> {
    let crates = project.select(name)?;
    let series = all.chunk_by(|a, b| a.krate == b.krate);
    let mut prefixes = Vec::new();
    for series in series.filter(|series| crates.contains(&series[0].krate)) {
        for upto in 1..=series.len() {
            let changes = &series[..upto];
            prefixes.push(Prefix {
                krate: &series[0].krate,
                changes,
                inputs: inputs(project, changes, all)?,
            });
        }
    }
    Ok(prefixes)
}

/// A digest of the prefix and of the crates that it needs.
fn inputs(project: &Project, changes: &[Change], all: &[Change]) -> Result<String> {
    let mut parts = vec![assembly::digest_of(project, &changes[0].krate, changes)?];
    for krate in change::needed_crates(changes, all) {
        let series: Vec<Change> = all
            .iter()
            .filter(|change| change.krate == krate)
            .cloned()
            .collect();
        parts.push(assembly::digest_of(project, krate, &series)?);
    }
    Ok(parts.join(" "))
}

fn record_path(project: &Project) -> Result<PathBuf> {
    Ok(project.scratch("verify")?.join("record.json"))
}

/// A record that cannot be read is none: everything is done again.
fn read(path: &Path) -> Record {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write(path: &Path, record: &Record) -> Result<()> {
    let text = serde_json::to_vec_pretty(record).map_err(|error| Error::malformed(path, error))?;
    fs::write(path, text).on("cannot write", path)
}
