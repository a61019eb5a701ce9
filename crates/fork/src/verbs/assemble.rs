//! `cargo fork assemble`: puts `patched/` in place.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Result;
use crate::assemble::{self, Report};
use crate::project::{Line, Project};

/// Assembles and says what was done: a moving line on a terminal, a line a step elsewhere.
pub fn run(project: &Project, discard: bool) -> Result<()> {
    let report = with_progress(|tell| assemble::run(project, discard, tell))?;
    println!("{}", summary(project, &report));
    Ok(())
}

/// Assembles for a verb that needs `patched/`: quiet when there is nothing to say.
pub fn ensure(project: &Project) -> Result<Report> {
    let report = with_progress(|tell| assemble::run(project, false, tell))?;
    if !report.rebuilt.is_empty() || !report.edited.is_empty() {
        eprintln!("{}", summary(project, &report));
    }
    Ok(report)
}

fn summary(project: &Project, report: &Report) -> String {
    let lock = match &report.updated_locks[..] {
        [] => String::new(),
        locks => format!(
            "; {} took up a new dependency: commit it",
            locks.join(" and ")
        ),
    };
    let edited = report.edited.iter().map(|(krate, edits)| {
        let place = project.patched_name(krate);
        format!("{place} stays as it stands, with edits that are not in patch/ yet: {edits}\n")
    });
    let edited: String = edited.collect();
    let fresh = report.fresh.len();
    let place = |line: &Line| format!("{}/", line.shown(&line.patched()));
    let places: Vec<String> = project.lines().iter().map(place).collect();
    let places = places.join(" and ");
    match report.rebuilt.len() {
        0 => format!("{edited}{places} is fresh: {fresh} crates{lock}"),
        rebuilt => {
            format!("{edited}{places} assembled: {rebuilt} crates anew, {fresh} fresh{lock}")
        }
    }
}

fn with_progress<T>(work: impl FnOnce(&mut dyn FnMut(&str)) -> Result<T>) -> Result<T> {
    // Draws nothing where standard error is no terminal; there a line a step is written instead.
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} assemble: {wide_msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    let hidden = spinner.is_hidden();
    let outcome = work(&mut |step| {
        if hidden {
            eprintln!("assemble: {step}");
        } else {
            spinner.set_message(step.to_owned());
        }
    });
    spinner.finish_and_clear();
    outcome
}
