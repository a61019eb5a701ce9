//! `cargo fork bench`: a crate's benchmarks, on the untouched crate and on the patched one, in one run.

use std::collections::BTreeSet;

use crate::change;
use crate::lay;
use crate::process;
use crate::project::{Project, package_spec};
use crate::verbs::test::suites::Suites;
use crate::verbs::{assemble, untouched};
use crate::{Error, Result};

/// Runs the benchmarks that the changes of a crate bring with them; the patched crate's figures are printed against the
/// untouched crate's.
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
    if benches.is_empty() {
        let wanted = bench
            .map(|bench| format!(" named `{bench}`"))
            .unwrap_or_default();
        return Err(Error::Usage(format!(
            "the changes of {krate} bring no benchmark{wanted}; a file benches/*.rs of a change is one"
        )));
    }
    assemble::ensure(project)?;
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
    for bench in benches {
        for (side, dir, more, baseline) in sides {
            println!("{krate}, {bench}, {side}:");
            let mut command = suite.cargo(line, "bench")?;
            command
                .args(["--quiet", "-p", &spec, "--bench", bench])
                .args(more);
            suite.add_features_to(&mut command);
            command
                .args(["--", baseline, "untouched"])
                .env("CRITERION_HOME", &results)
                .env("CARGO_TARGET_DIR", project.root().join("target"))
                .current_dir(dir);
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
