//! `cargo fork verify`: every change stands on those before it alone, so that upstream can take the first without the last.
//!
//! Each prefix of a series is laid over the published crate in a workspace of its own, built, and tested with upstream's suite
//! and the tests of its changes. That takes long; what came of a prefix is recorded at once, and one that stands is not done
//! again until something in it changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::run::{self, Suite};
use super::suites::Suites;
use crate::change::{self, Change};
use crate::project::{Project, package_spec};
use crate::verbs::{assemble, untouched};
use crate::{Error, Result, assemble as assembly, lay, ledger};

/// Where the record stands in a checkout.
const RECORD: &str = "docs/verified.toml";

/// What the record begins with.
const HEAD: &str = "\
# What came of each prefix of each series, by the name of its last change: laid over the published crate without what comes
# behind it, built, and tested. Written by `cargo fork verify`, which goes on where this ends. `inputs` is a digest of all that
# the prefix was made from: where it no longer fits, the prefix is looked at again.
";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    #[serde(default)]
    change: BTreeMap<String, Verified>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verified {
    inputs: String,
    /// `YYYY-MM-DD`.
    day: String,
    /// How many tests passed.
    passed: usize,
    /// What is wrong; nothing where all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wrong: Vec<String>,
}

/// One prefix to look at.
struct Prefix<'a> {
    krate: &'a str,
    changes: &'a [Change],
    /// All of the crate.
    series: &'a [Change],
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
    let path = project.root().join(RECORD);
    let mut record: Record = ledger::read(&path)?;
    let there = change::all(&project.whole())?;
    let there: BTreeSet<String> = there.iter().map(Change::name).collect();
    let prefixes = prefixes(project, name, &all)?;
    let mut wrong = 0;
    for (at, prefix) in prefixes.iter().enumerate() {
        let name = prefix.name();
        let known = record.change.get(&name);
        // One that does not stand is tried again: a machine with too much to do makes a test fail as well.
        let known = known.filter(|known| known.inputs == prefix.inputs && known.wrong.is_empty());
        let verified = match known {
            Some(known) => known.clone(),
            None => {
                println!("verify: {} of {}: {name}", at + 1, prefixes.len());
                let verified = prefix.verify(project, &suites, &all)?;
                record = ledger::update(&path, HEAD, |record: &mut Record| {
                    record
                        .change
                        .insert(name.clone(), verified.for_the_record());
                    record.change.retain(|name, _| there.contains(name));
                })?;
                verified
            }
        };
        println!("{}", verified.said(&name));
        wrong += usize::from(!verified.wrong.is_empty());
    }
    println!("recorded in {RECORD}");
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
            true => format!("{name}: {} tests passed, {}", self.passed, self.day),
            false => self.wrong.join("; "),
        }
    }

    /// Without the names of logs, which stand on this machine alone.
    fn for_the_record(&self) -> Self {
        let wrong = self.wrong.iter();
        let words = wrong.map(|what| what.split("; see ").next().unwrap_or_default().to_owned());
        Self {
            wrong: words.collect(),
            ..self.clone()
        }
    }
}

impl Prefix<'_> {
    fn name(&self) -> String {
        self.changes.last().map(Change::name).unwrap_or_default()
    }

    fn verify(&self, project: &Project, suites: &Suites, all: &[Change]) -> Result<Verified> {
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
            .args(["--lib", "--bins", "--tests"]);
        untouched::build_there(&mut command, line, &dir);
        of.add_to(&mut command);
        of.leave_out_unready(&mut command, self.changes, self.series)
            .map_err(Error::Check)?;
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
            day: ledger::today(),
            passed: outcome.passed_count,
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
    let mut chosen = change::by_crate(all);
    chosen.retain(|krate, _| crates.iter().any(|one| one == krate));
    let needed = change::needed_crates(chosen.values().copied().flatten(), all);
    let whole = assembly::digests_of(project, needed, all)?;
    let mut prefixes = Vec::new();
    for (krate, series) in chosen {
        for upto in 1..=series.len() {
            let changes = &series[..upto];
            let mut parts = vec![assembly::digest_of(project, krate, changes)?];
            let needed = change::needed_crates(changes, all);
            parts.extend(needed.into_iter().map(|krate| whole[krate].clone()));
            prefixes.push(Prefix {
                krate,
                changes,
                series,
                inputs: ledger::digest(&parts.join(" ")),
            });
        }
    }
    Ok(prefixes)
}
