//! `cargo fork lint`: the rules of the house as checks, a line a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::change::{self, Change, Disclosure};
use crate::defects::{self, Defect, State};
use crate::error::IoContext;
use crate::git::{Repo, UPSTREAM};
use crate::lay;
use crate::pin::{self, LockedPackage};
use crate::process;
use crate::project::{Line, Project, package_spec, split_name};
use crate::verbs::test::suites::Suites;
use crate::verbs::{assemble, refresh, status, test};
use crate::{Error, Result};

/// Runs every check, or with `quick` those alone that build nothing. What stands in files is checked of every line, what has
/// to be assembled of those that are meant.
///
/// # Errors
/// [`Error::Check`] with the number of findings, each of which has been printed.
pub fn run(project: &Project, quick: bool) -> Result<()> {
    let whole = project.whole();
    let changes = change::all(&whole)?;
    let mut findings = Vec::new();
    for change in &changes {
        check_facts(change, &changes, &mut findings);
        check_files(change, &mut findings)?;
    }
    check_folders(&whole, &changes, &mut findings)?;
    check_defects(project, &changes, &mut findings)?;
    for line in whole.lines() {
        check_locks(line, &mut findings)?;
        check_patch_table(&whole, line, &mut findings)?;
    }

    let changes = change::all(project)?;
    assemble::ensure(project)?;
    check_removals(project, &changes, &mut findings);
    check_format(project, &changes, &mut findings)?;
    check_hooked_format(project, &changes, &mut findings)?;
    check_tests_ran(project, &changes, &mut findings)?;
    if !quick {
        check_clippy(project, &changes, &mut findings)?;
    }

    for change in &changes {
        let lines = status::lines(change)?;
        println!(
            "{}: {} lines in new files, {} hooked into upstream's, {} of upstream's taken away",
            change.name(),
            lines.new_files,
            lines.added,
            lines.removed
        );
    }
    for finding in &findings {
        println!("lint: {finding}");
    }
    match findings.len() {
        0 => {
            println!("lint: {} changes, no finding", changes.len());
            Ok(())
        }
        count => Err(Error::Check(format!("lint: {count} findings"))),
    }
}

fn check_facts(change: &Change, all: &[Change], findings: &mut Vec<String>) {
    let facts = &change.facts;
    let mut find =
        |what: String| findings.push(format!("patch/{}/change.toml: {what}", change.name()));
    const SUMMARY_MAX: usize = 72;
    let length = facts.summary.trim().chars().count();
    if length == 0 || length > SUMMARY_MAX || facts.summary.contains('\n') {
        find(format!(
            "summary: expected one line of at most {SUMMARY_MAX} characters, found {:?}",
            facts.summary
        ));
    }
    for (key, text) in [("why", &facts.why), ("removal", &facts.removal)] {
        if text.trim().is_empty() {
            find(format!("{key} is empty"));
        }
    }
    match (&facts.exempt, facts.tests.is_empty()) {
        (None, true) => find(
            "names no test that fails without it; add `tests`, or `exempt` with the reason".into(),
        ),
        (Some(_), false) => find("has both `tests` and `exempt`; one of them is wrong".into()),
        _ => {}
    }
    for test in &facts.tests {
        let function = format!("fn {}(", test.test.rsplit("::").next().unwrap_or_default());
        match change.files.get(&test.file) {
            None => find(format!("test {test}: the change has no file {}", test.file)),
            Some(bytes) if !String::from_utf8_lossy(bytes).contains(&function) => {
                find(format!("test {test}: {} has no `{function}`", test.file));
            }
            Some(_) => {}
        }
    }
    for need in &facts.needs {
        if !all.iter().any(|other| other.name() == *need) {
            find(format!("needs {need}, which is in no series"));
        }
    }
    if !change::is_slug(&change.slug) {
        find("a slug has lower-case letters, digits and dashes".into());
    }
    if facts.last_update.0 == refresh::NOT_YET {
        find("last-update is still the one that `refresh` wrote".into());
    }
}

fn check_files(change: &Change, findings: &mut Vec<String>) -> Result<()> {
    // Reading refuses context lines, and text behind the ranges.
    for patch in lay::parse_hooks(change)? {
        if patch.path == "Cargo.toml" {
            findings.push(format!(
                "patch/{}: hooks.patch edits Cargo.toml; that is data in change.toml",
                change.name()
            ));
        }
    }
    Ok(())
}

/// Every folder stands in its series; the series is read from the folders, so the other way round is an error there.
fn check_folders(project: &Project, changes: &[Change], findings: &mut Vec<String>) -> Result<()> {
    for krate in project.crates()? {
        let dir = project.patch_dir(&krate);
        for entry in fs::read_dir(&dir).on("cannot read", &dir)? {
            let name = entry
                .on("cannot read", &dir)?
                .file_name()
                .to_string_lossy()
                .into_owned();
            let known = changes
                .iter()
                .any(|change| change.krate == krate && change.slug == name);
            if name != "series" && !known {
                findings.push(format!(
                    "patch/{krate}/{name} is not in patch/{krate}/series"
                ));
            }
        }
    }
    Ok(())
}

fn check_defects(project: &Project, changes: &[Change], findings: &mut Vec<String>) -> Result<()> {
    let defects = defects::read(project)?;
    let rows: BTreeMap<&str, &Defect> = defects
        .iter()
        .map(|defect| (defect.slug.as_str(), defect))
        .collect();
    for change in changes {
        for slug in &change.facts.defects {
            let says_so = match rows.get(slug.as_str()) {
                None => Err("has no such row".to_owned()),
                Some(Defect {
                    state: State::Open,
                    line,
                    ..
                }) => Err(format!("says at line {line} that it is open")),
                Some(Defect {
                    state: State::Fixed(by),
                    line,
                    ..
                }) => {
                    let tests = &change.facts.tests;
                    let shown =
                        tests.is_empty() || tests.iter().any(|test| by.contains(&test.to_string()));
                    match (by.contains(&change.name()), shown) {
                        (false, _) => Err(format!("does not name this change at line {line}")),
                        (true, false) => Err(format!("names none of its tests at line {line}")),
                        (true, true) => Ok(()),
                    }
                }
            };
            if let Err(what) = says_so {
                findings.push(format!(
                    "patch/{}: claims to fix {slug}; docs/DEFECTS.md {what}",
                    change.name()
                ));
            }
        }
    }
    check_private_rows(changes, &rows, findings);
    for defect in &defects {
        let State::Fixed(by) = &defect.state else {
            continue;
        };
        let claims = |change: &&Change| {
            by.contains(&change.name()) && change.facts.defects.contains(&defect.slug)
        };
        let claimed: Vec<_> = changes.iter().filter(claims).collect();
        if claimed.is_empty() && !by.iter().any(|name| is_package_test(project, name)) {
            findings.push(format!(
                "docs/DEFECTS.md:{}: {} is fixed, but no change it names claims that",
                defect.line, defect.slug
            ));
        }
        // What adds API alone makes nothing grow that it was not asked for.
        let grows = claimed.iter().any(|change| change.facts.exempt.is_none());
        if grows && defect.scenarios.is_empty() {
            findings.push(format!(
                "docs/DEFECTS.md:{}: {} is fixed, and no scenario shows it; name one as \"scenario `NAME`\"",
                defect.line, defect.slug
            ));
        }
    }
    Ok(())
}

/// Whether a package of ours has such a test, as `crates/<package>/tests/<file>.rs::<function>`: what a package mends from
/// outside needs no change of a crate.
fn is_package_test(project: &Project, name: &str) -> bool {
    let Some((file, function)) = name.split_once("::") else {
        return false;
    };
    let text = fs::read_to_string(project.root().join(file));
    file.starts_with("crates/") && text.is_ok_and(|text| text.contains(&format!("fn {function}(")))
}

/// Of a defect that a stranger can use, the table says which bound was missing, and not how to use that.
fn check_private_rows(
    changes: &[Change],
    rows: &BTreeMap<&str, &Defect>,
    findings: &mut Vec<String>,
) {
    const FORM: &str = "Bound: ";
    const TELLING: [&str; 10] = [
        "attack",
        "crafted",
        "crash",
        "exploit",
        "flood",
        "forge",
        "hostile",
        "malicious",
        "panic",
        "stranger",
    ];
    let private = changes
        .iter()
        .filter(|change| change.facts.disclosure == Disclosure::Private);
    let slugs: BTreeSet<&str> = private
        .flat_map(|change| change.facts.defects.iter().map(String::as_str))
        .collect();
    for row in slugs.iter().filter_map(|slug| rows.get(slug)) {
        let told = row.what.to_lowercase();
        let what = if let Some(word) = TELLING.iter().find(|word| told.contains(**word)) {
            format!("tells the attack ({word:?})")
        } else if !row.what.starts_with(FORM) {
            format!("does not begin with {FORM:?}")
        } else {
            continue;
        };
        findings.push(format!(
            "docs/DEFECTS.md:{}: {} is private, and its row {what}; name the bound alone",
            row.line, row.slug
        ));
    }
}

/// Both sides must differ in our changes alone, so what both locks name has one version.
fn check_locks(line: &Line, findings: &mut Vec<String>) -> Result<()> {
    let versions = |locked: Vec<LockedPackage>| {
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in locked {
            versions
                .entry(package.name)
                .or_default()
                .insert(package.version);
        }
        versions
    };
    let [lock, pin_lock] = [line.lock(), line.pin_lock()];
    let ours = versions(pin::read_lock(&lock)?);
    for (name, theirs) in versions(pin::read_lock(&pin_lock)?) {
        // The untouched side may have fewer versions of a crate: it has no dev-dependencies.
        if let Some(ours) = ours.get(&name).filter(|ours| !theirs.is_subset(ours)) {
            findings.push(format!(
                "{name} is {theirs:?} in {} and {ours:?} in {}; bring both to one with `cargo update --precise`",
                line.shown(&pin_lock),
                line.shown(&lock)
            ));
        }
    }
    Ok(())
}

/// The manifest of a line has a row for every crate of it.
fn check_patch_table(project: &Project, line: &Line, findings: &mut Vec<String>) -> Result<()> {
    let path = line.manifest();
    let text = fs::read_to_string(&path).on("cannot read", &path)?;
    let manifest: toml::Table = text
        .parse()
        .map_err(|error| Error::malformed_toml(&path, &text, &error))?;
    let table = manifest
        .get("patch")
        .and_then(|patch| patch.get("crates-io"));
    for krate in project.crates()? {
        if !project.is_of(&krate, line) {
            continue;
        }
        let (name, _) = split_name(&krate).unwrap_or((&krate, ""));
        let there = table.and_then(|table| table.get(name)?.get("path")?.as_str());
        let expected = format!("patched/{krate}");
        if there != Some(&expected) {
            findings.push(format!(
                "{}: [patch.crates-io] {name}: expected path {expected:?}, found {there:?}",
                line.shown(&path)
            ));
        }
    }
    Ok(())
}

/// A file with upstream tests stays; a file of our own goes by taking it out of the change that adds it.
fn check_removals(project: &Project, changes: &[Change], findings: &mut Vec<String>) {
    for change in changes {
        let repo = Repo::at(project.patched_dir(&change.krate));
        for file in &change.facts.removes {
            let what = match repo.file(UPSTREAM, file) {
                Err(_) => "which upstream does not have",
                Ok(text) if lay::holds_tests(&String::from_utf8_lossy(&text)) => {
                    "which holds upstream's tests"
                }
                Ok(_) => continue,
            };
            findings.push(format!("patch/{}: removes {file}, {what}", change.name()));
        }
    }
}

fn check_format(project: &Project, changes: &[Change], findings: &mut Vec<String>) -> Result<()> {
    for (krate, changes) in change::by_crate(changes) {
        let dir = project.patched_dir(krate);
        let edition = edition(project, krate)?;
        for change in changes {
            for file in change.files.keys().filter(|file| file.ends_with(".rs")) {
                let path = dir.join(file);
                // A later change may have taken it out.
                if path.exists() && !is_formatted(project, &path, &edition, &edition)? {
                    findings.push(format!(
                        "patch/{}/{file} is not formatted (edition {edition})",
                        change.name()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// What upstream's authors have formatted stays so, in one of the styles in which it is: they write by their own configuration,
/// which a published crate does not hold.
fn check_hooked_format(
    project: &Project,
    changes: &[Change],
    findings: &mut Vec<String>,
) -> Result<()> {
    const STYLES: [&str; 2] = ["2021", "2024"];
    let work = tempfile::tempdir().on("cannot make a folder in", &std::env::temp_dir())?;
    let published = work.path().join("published.rs");
    for (krate, changes) in change::by_crate(changes) {
        let dir = project.patched_dir(krate);
        let repo = Repo::at(&dir);
        let edition = edition(project, krate)?;
        let mut hooked = BTreeSet::new();
        for change in changes {
            hooked.extend(
                lay::parse_hooks(change)?
                    .into_iter()
                    .map(|patch| patch.path),
            );
        }
        for file in hooked {
            let path = dir.join(&file);
            if !file.ends_with(".rs") || !path.exists() {
                continue;
            }
            // One that an earlier change brought is looked at as a file of ours.
            let Ok(text) = repo.file(UPSTREAM, &file) else {
                continue;
            };
            fs::write(&published, text).on("cannot write", &published)?;
            let (mut was, mut stays) = (false, false);
            for style in STYLES {
                if is_formatted(project, &published, &edition, style)? {
                    was = true;
                    stays |= is_formatted(project, &path, &edition, style)?;
                }
            }
            if was && !stays {
                findings.push(format!(
                    "{krate}: {file} is formatted as published, and not with the changes"
                ));
            }
        }
    }
    Ok(())
}

/// Whether rustfmt would leave a file as it is.
fn is_formatted(project: &Project, path: &Path, edition: &str, style: &str) -> Result<bool> {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--quiet", "--edition", edition, "--style-edition", style]);
    rustfmt
        .arg("--config-path")
        .arg(project.root().join("rustfmt.toml"));
    // From a pipe it reads this file alone, and not the modules that are declared in it.
    let formatted = process::run_on(&mut rustfmt, path)?;
    let text = fs::read(path).on("cannot read", path)?;
    Ok(formatted.status.success() && formatted.stdout == text)
}

/// A test that a change names ran in the last `cargo fork test` of what stands here now.
fn check_tests_ran(
    project: &Project,
    changes: &[Change],
    findings: &mut Vec<String>,
) -> Result<()> {
    let Some(record) = test::last_record(project)? else {
        println!(
            "lint: no `cargo fork test` has run on what stands here; whether the named tests run is not checked"
        );
        return Ok(());
    };
    for line in project.lines() {
        if !record.crates().any(|krate| project.is_of(krate, line)) {
            println!(
                "lint: the last `cargo fork test` ran no crate of the line {}; whether its named tests run is not checked",
                line.name()
            );
            continue;
        }
        let of_line = |change: &&Change| project.is_of(&change.krate, line);
        for change in changes.iter().filter(of_line) {
            for name in &change.facts.tests {
                if !record.passed(&change.krate, name) {
                    findings.push(format!(
                        "patch/{}: {name} did not run and pass in the last `cargo fork test`",
                        change.name()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Clippy on the patched crates; what it says about upstream's own lines is upstream's.
fn check_clippy(project: &Project, changes: &[Change], findings: &mut Vec<String>) -> Result<()> {
    let suites = Suites::read(project)?;
    let crates: BTreeSet<&str> = changes.iter().map(|change| change.krate.as_str()).collect();
    for krate in crates {
        let ours: BTreeSet<&str> = changes
            .iter()
            .filter(|change| change.krate == krate)
            .flat_map(|change| change.files.keys().map(String::as_str))
            .collect();
        let suite = suites.of(krate);
        let mut clippy = suite.cargo(project.line_of(krate), "clippy")?;
        clippy
            .args([
                "--quiet",
                "--all-targets",
                "--no-deps",
                "--message-format=json",
                "-p",
                &package_spec(krate),
            ])
            // Our clippy.toml is for our packages; what goes upstream follows upstream's.
            .env("CLIPPY_CONF_DIR", project.patched_dir(krate));
        suite.add_features_to(&mut clippy);
        // What clippy denies by itself must not end the build where the line is upstream's; in ours it is a finding all the same.
        clippy.args(["--", "--warn", "clippy::correctness"]);
        let output = process::run(&mut clippy)?;
        if !output.status.success() {
            findings.push(format!(
                "{krate}: clippy cannot build it: {}",
                process::last_words(&output)
            ));
        }
        let mut said = BTreeSet::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            said.extend(diagnostic_in(line, krate, &ours));
        }
        findings.extend(said);
    }
    Ok(())
}

/// The diagnostic on a line of cargo's messages, where it points at one of our files.
fn diagnostic_in(line: &str, krate: &str, ours: &BTreeSet<&str>) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let diagnostic = message
        .get("message")
        .filter(|_| message["reason"] == "compiler-message")?;
    let spans = diagnostic["spans"].as_array()?;
    let span = spans.iter().find(|span| span["is_primary"] == true)?;
    let file = span["file_name"].as_str()?;
    let inner = file
        .strip_prefix(&format!("patched/{krate}/"))
        .unwrap_or(file);
    let text = diagnostic["message"].as_str()?;
    ours.contains(inner)
        .then(|| format!("{krate}: {inner}:{}: {text}", span["line_start"]))
}

fn edition(project: &Project, krate: &str) -> Result<String> {
    let path = project.patched_dir(krate).join("Cargo.toml");
    let text = fs::read_to_string(&path).on("cannot read", &path)?;
    let manifest: toml::Table = text
        .parse()
        .map_err(|error| Error::malformed_toml(&path, &text, &error))?;
    let edition = manifest
        .get("package")
        .and_then(|package| package.get("edition")?.as_str());
    Ok(edition.unwrap_or("2015").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clippy_is_heard_on_our_files_alone() {
        let line = |file: &str| {
            serde_json::json!({"reason": "compiler-message", "message": {"message": "oh", "spans": [
                {"is_primary": true, "file_name": file, "line_start": 3}]}})
            .to_string()
        };
        let ours = BTreeSet::from(["src/ours.rs"]);
        assert_eq!(
            diagnostic_in(&line("patched/x-1.0.0/src/ours.rs"), "x-1.0.0", &ours),
            Some("x-1.0.0: src/ours.rs:3: oh".into())
        );
        assert_eq!(
            diagnostic_in(&line("patched/x-1.0.0/src/theirs.rs"), "x-1.0.0", &ours),
            None
        );
    }
}
