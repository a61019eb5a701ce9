//! `cargo fork bench`: a crate's benchmarks, on the untouched crate and on the patched one, in one run.

use std::collections::BTreeSet;
use std::iter;

use crate::change;
use crate::lay;
use crate::process;
use crate::project::{Project, package_spec};
use crate::verbs::test::suites::Suites;
use crate::verbs::{assemble, untouched};
use crate::{Error, Result};

/// How often a benchmark that the crate ships takes turns on the two sides: it knows no baseline to be held against.
const TURNS: usize = 2;

/// Runs the benchmarks that the changes of a crate bring with them; the patched crate's figures are printed against the
/// untouched crate's. Where `bench` names one that the crate ships itself, that one runs on each side in turn.
pub fn run(project: &Project, name: &str, bench: Option<&str>) -> Result<()> {
    let krate = project.find_crate(name)?;
    let spec = package_spec(&krate);
    let changes = change::changes(project, &krate)?;
    let benches: Vec<&str> = changes
        .iter()
        .flat_map(|change| change.files.keys())
        .filter_map(|file| file.strip_prefix("benches/")?.strip_suffix(".rs"))
        .filter(|there| !there.contains('/') && bench.is_none_or(|wanted| wanted == *there))
        .collect();
    let none = |what: String| Err(Error::Usage(format!("{krate}: {what}")));
    if benches.is_empty() && bench.is_none() {
        return none("its changes bring no benchmark (a file benches/*.rs of a change); name one that the crate ships".into());
    }
    assemble::ensure(project)?;
    let shipped = bench.filter(|_| benches.is_empty());
    if let Some(wanted) = shipped {
        let file = format!("benches/{wanted}.rs");
        if !project.patched_dir(&krate).join(&file).exists() {
            return none(format!(
                "no benchmark `{wanted}`: neither its changes nor the crate have {file}"
            ));
        }
    }
    let suites = Suites::read(project)?;
    let untouched = untouched::Workspace {
        purpose: "bench".into(),
        krate: &krate,
        needs: &BTreeSet::new(),
        side: suites.untouched_needs(project.line_of(&krate)),
    };
    let bare = untouched.make(project, |repo| {
        changes
            .iter()
            .try_for_each(|change| lay::lay_tests(repo, change, &[]))
    })?;
    let results = project.scratch("criterion")?;
    let (line, suite) = (project.line_of(&krate), suites.of(&krate));
    let sides = [
        (
            "untouched",
            &*bare,
            &["-p", untouched::SIDE][..],
            "--save-baseline",
        ),
        ("patched", &*line.root(), &[], "--baseline"),
    ];
    let turns = if shipped.is_some() { TURNS } else { 1 };
    for bench in benches.into_iter().chain(shipped) {
        for (side, dir, more, baseline) in iter::repeat_n(sides, turns).flatten() {
            println!("{krate}, {bench}, {side}:");
            let mut command = suite.cargo(line, "bench")?;
            command
                .args(["--quiet", "-p", &spec, "--bench", bench])
                .args(more);
            suite.add_features_to(&mut command);
            if shipped.is_none() {
                command.args(["--", baseline, "untouched"]);
            }
            untouched::build_there(&mut command, line, dir);
            command.env("CRITERION_HOME", &results);
            let status = command
                .status()
                .map_err(|source| process::missing(&command, source))?;
            if !status.success() {
                return Err(Error::Program {
                    command: process::display(&command),
                    said: status.to_string(),
                });
            }
        }
    }
    Ok(())
}
