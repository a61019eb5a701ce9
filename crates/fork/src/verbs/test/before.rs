//! `cargo fork test --before SLUG`: a change's tests without its fix must fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::run::{self, Outcome, Suite};
use super::suites::{CrateSuite, Suites};
use crate::change::{self, Change, TestName};
use crate::lay;
use crate::project::{Project, package_spec, split_name};
use crate::verbs::{assemble, untouched};
use crate::{Error, Result};

/// Lays the crate as published, the changes before the one named, and that one's tests alone; builds it; and shows each
/// test that the change names fail.
///
/// # Errors
/// [`Error::Check`] where one does not compile (that is not failing), does not run, or passes.
pub fn run(project: &Project, slug: &str) -> Result<()> {
    let change = change::find(project, slug)?;
    let facts = &change.facts;
    if let Some(why) = &facts.exempt {
        println!("{}: no test can fail without it: {why}", change.name());
        return Ok(());
    }
    assemble::ensure(project)?;
    let suites = Suites::read(project)?;
    let all = change::all(project)?;
    let of_crate = all.iter().filter(|there| there.krate == change.krate);
    let earlier: Vec<&Change> = of_crate
        .take_while(|there| there.slug != change.slug)
        .collect();
    let needs = change::needed_crates(earlier.iter().copied().chain([&change]), &all);
    let untouched = untouched::Workspace {
        purpose: format!("before/{}", change.name()),
        krate: &change.krate,
        needs: &needs,
        side: suites.untouched_needs(project.line_of(&change.krate)),
    };
    let dir = untouched.make(project, |repo| {
        earlier
            .iter()
            .try_for_each(|change| lay::lay_change(repo, change))?;
        lay::lay_tests(repo, &change, &facts.tests)
    })?;

    let of = suites.of(&change.krate);
    let without = Without {
        project,
        change: &change,
        of: &of,
        dir: &dir,
        purpose: "before",
    };
    let build = without.build()?;
    if !build.success {
        return Err(Error::Check(format!(
            "{}: its tests do not compile without it, which is not failing; see {}",
            change.name(),
            build.log.display()
        )));
    }
    let mut wrong = Vec::new();
    for test in &facts.tests {
        match without.fails(test)? {
            Ok(said) => println!("{test}: fails without {}: {said}", change.slug),
            Err(what) => wrong.push(format!("{test}: {what}")),
        }
    }
    println!(
        "{} of {} tests fail without {}, as they should",
        facts.tests.len() - wrong.len(),
        facts.tests.len(),
        change.slug
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::Check(wrong.join("; ")))
    }
}

/// A workspace with a change's tests and without its fix.
pub(super) struct Without<'a> {
    pub project: &'a Project,
    pub change: &'a Change,
    pub of: &'a CrateSuite,
    pub dir: &'a Path,
    /// What the logs are called after.
    pub purpose: &'a str,
}

impl Without<'_> {
    /// Builds what holds the tests that the change names, and nothing else: a crate has an integration test a file, and each
    /// is linked by itself.
    pub fn build(&self) -> Result<Outcome> {
        let tests = self.change.facts.tests.iter();
        let targets: BTreeSet<_> = tests.map(target_args).collect();
        let mut args: Vec<_> = targets.into_iter().flatten().collect();
        args.push("--no-run");
        run::run(self.project, &self.suite("build", &args)?)
    }

    /// Runs one test: what it said when it failed, or why that it did not is wrong.
    pub fn fails(&self, test: &TestName) -> Result<Result<String, String>> {
        let mut args = target_args(test);
        args.extend(["--", &test.test]);
        let suite = self.suite(&test.test.replace("::", "-"), &args)?;
        Ok(verdict(test, &run::run(self.project, &suite)?))
    }

    fn suite(&self, label: &str, more: &[&str]) -> Result<Suite> {
        let krate = &self.change.krate;
        let (name, _) = split_name(krate).unwrap_or((krate, ""));
        let spec = package_spec(krate);
        let line = self.project.line_of(krate);
        let mut command = self.of.cargo(line, "test")?;
        command.args(["-p", &spec, "-p", untouched::SIDE]);
        untouched::build_there(&mut command, line, self.dir);
        for feature in &self.of.features {
            command.args(["--features", &format!("{name}/{feature}")]);
        }
        command.args(more);
        Ok(Suite {
            label: format!("{} {} {label}", self.purpose, self.change.name()),
            command,
            seconds_max: self.of.seconds_max,
        })
    }
}

/// Which target of the crate holds a test, as cargo is told it.
fn target_args(test: &TestName) -> Vec<&str> {
    match test.target() {
        Some(target) => vec!["--test", target],
        None => vec!["--lib"],
    }
}

/// What a test said when it failed, or why that it did not is wrong.
fn verdict(test: &TestName, outcome: &Outcome) -> Result<String, String> {
    let of_file = |line: &&String| {
        let (source, name) = line.split_once(' ').unwrap_or(("", line));
        test.is(name) && test.target().is_none_or(|_| source == test.file)
    };
    let log = outcome.log.display();
    if outcome.timed_out {
        Err(format!(
            "hangs without the change; a test has a time limit of its own; see {log}"
        ))
    } else if outcome.failed.iter().any(|line| of_file(&line)) {
        Ok(panic_message(test, outcome).unwrap_or_else(|| format!("see {log}")))
    } else if outcome.passed.iter().any(|line| of_file(&line)) {
        Err(format!("passes without the change; see {log}"))
    } else {
        Err(format!("did not run to its end; see {log}"))
    }
}

/// The line behind `thread '<test>' panicked at …`.
fn panic_message(test: &TestName, outcome: &Outcome) -> Option<String> {
    let text = fs::read_to_string(&outcome.log).ok()?;
    let thread = format!("{}'", test.test);
    let mut lines = text.lines();
    lines.find(|line| line.contains("panicked at ") && line.contains(&thread))?;
    lines.next().map(|line| line.trim().to_owned())
}
