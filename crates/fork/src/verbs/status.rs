//! `cargo fork status`: a table of crates, changes, lines, upstream state and newer releases.

use std::collections::BTreeMap;

use comfy_table::{LineStyle, Table, TableStyle};

use crate::Result;
use crate::change::{self, Change, Disclosure};
use crate::lay;
use crate::process::{self, cargo};
use crate::project::{Line, Project, split_name};

/// One rule under the header and nothing else: what a terminal shows best and a file keeps best.
pub(super) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Prints the table.
pub fn run(project: &Project) -> Result<()> {
    let newer: Vec<_> = project.lines().iter().map(newer_releases).collect();
    let newer_of = |krate: &str| {
        let line = project.line_of(krate).name();
        let at = project.lines().iter().position(|of| of.name() == line)?;
        newer[at].as_ref()
    };
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header([
        "crate",
        "change",
        "new files",
        "+ hooks",
        "− upstream",
        "upstream state",
        "newer release",
    ]);
    for krate in project.crates()? {
        let (name, _) = split_name(&krate).unwrap_or((&krate, ""));
        let release = match newer_of(&krate) {
            Some(newer) => newer.get(name).map_or("", String::as_str),
            None => "unknown",
        };
        let changes = change::changes(project, &krate)?;
        if changes.is_empty() {
            table.add_row([&krate, "as published", "", "", "", "", release]);
        }
        for (i, change) in changes.iter().enumerate() {
            let lines = lines(change)?;
            table.add_row([
                if i == 0 { krate.clone() } else { String::new() },
                change.slug.clone(),
                lines.new_files.to_string(),
                lines.added.to_string(),
                lines.removed.to_string(),
                upstream_state(change),
                if i == 0 {
                    release.to_owned()
                } else {
                    String::new()
                },
            ]);
        }
    }
    println!("{table}");
    if newer.iter().any(Option::is_none) {
        println!("newer releases are unknown: cargo could not ask the registry");
    }
    Ok(())
}

/// Where it stands with upstream, and whether it may be told of there.
fn upstream_state(change: &Change) -> String {
    let status = &change.facts.upstream_status;
    match change.facts.disclosure {
        Disclosure::Public => status.to_string(),
        Disclosure::Private => format!("{status}, private"),
    }
}

/// How many lines a change is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// In files of our own.
    pub new_files: usize,
    /// That its hunks put into upstream's files.
    pub added: usize,
    /// That its hunks take out of upstream's files.
    pub removed: usize,
}

/// Counts the lines of a change.
pub fn lines(change: &Change) -> Result<Lines> {
    let mut lines = Lines {
        new_files: change
            .files
            .values()
            .map(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
            .sum(),
        ..Lines::default()
    };
    for hunk in lay::parse_hooks(change)?
        .iter()
        .flat_map(|patch| &patch.hunks)
    {
        lines.added += hunk.added.len();
        lines.removed += hunk.removed.len();
    }
    Ok(lines)
}

/// The newest release of each crate that the pin of a line names and that has a newer one, as cargo tells without changing the pin. `None` where
/// it cannot.
fn newer_releases(line: &Line) -> Option<BTreeMap<String, String>> {
    let mut command = cargo();
    command
        .args([
            "update",
            "--dry-run",
            "--verbose",
            "--color",
            "never",
            "--manifest-path",
        ])
        .arg(line.pin_manifest());
    let output = process::run(&mut command)
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = |line: &str| {
        // `Unchanged name v1.0.0 (available: v2.0.0)`, also `Updating` and `Adding`.
        let (head, available) = line.split_once("(available: v")?;
        let name = head.split_whitespace().nth(1)?;
        Some((
            name.to_owned(),
            available.split([')', ',']).next()?.to_owned(),
        ))
    };
    Some(text.lines().filter_map(line).collect())
}
