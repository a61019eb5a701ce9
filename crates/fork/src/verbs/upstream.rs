//! `cargo fork status --upstream`: what upstream released since, where each change stands, and whether it still applies.

use comfy_table::Table;
use semver::Version;

use super::{status, use_project::compatible};
use crate::change;
use crate::pin::{self, Pin};
use crate::process::{self, cargo};
use crate::project::{Line, Project, split_name};
use crate::rebase::{self, Fate};
use crate::releases::{self, Known, Release};
use crate::{Error, Result};

/// Prints the table. Asks the registry where there is a network, and says how old the answer is in any case.
pub fn run(project: &Project) -> Result<()> {
    project.lines().iter().for_each(refresh_index);
    let mut table = Table::new();
    table.load_style(status::STYLE);
    table.set_header(["crate", "change", "upstream state", "still applies"]);
    let mut notes = Vec::new();
    for krate in project.crates()? {
        let view = View::of(&krate)?;
        notes.push(format!("{krate}: {}", view.releases()));
        let (on, fates) = view.trial(project, &krate)?;
        for (at, change) in change::changes(project, &krate)?.iter().enumerate() {
            let fate = match fates.get(at) {
                Some(Fate::Applies) => format!("to {on}"),
                Some(Fate::Upstream) => format!("{on} has it"),
                Some(Fate::Conflicts) => format!("conflicts on {on}"),
                None => String::new(),
            };
            table.add_row([
                if at == 0 {
                    krate.clone()
                } else {
                    String::new()
                },
                change.slug.clone(),
                change.facts.upstream_status.to_string(),
                fate,
            ]);
        }
    }
    println!("{table}\n\n{}", notes.join("\n"));
    println!(
        "\nWhether a change applies is tried on the newest release that cargo has here; `cargo info <crate>@<version>` fetches one."
    );
    Ok(())
}

/// Lets cargo ask for what is new. Without a network it fails, and what it knows stays as old as it is.
fn refresh_index(line: &Line) {
    let mut command = cargo();
    command
        .args(["update", "--dry-run", "--quiet", "--manifest-path"])
        .arg(line.pin_manifest());
    let _ = process::run(&mut command);
}

/// A pinned crate among its releases.
struct View {
    name: String,
    pinned: Version,
    known: Option<Known>,
}

impl View {
    fn of(krate: &str) -> Result<Self> {
        let (name, version) = split_name(krate).unwrap_or((krate, ""));
        let pinned = Version::parse(version)
            .map_err(|error| Error::Check(format!("patch/{krate}: {error}")))?;
        Ok(View {
            name: name.to_owned(),
            pinned,
            known: releases::known(name),
        })
    }

    fn newer(&self) -> Vec<&Release> {
        let releases = self.known.iter().flat_map(|known| &known.releases);
        releases
            .filter(|release| release.version > self.pinned && release.version.pre.is_empty())
            .collect()
    }

    fn releases(&self) -> String {
        let Some(known) = &self.known else {
            return "its releases are not known: cargo never asked for them".into();
        };
        let newer = self.newer();
        let stands_in = |release: &&&Release| compatible(&self.pinned, &release.version);
        let mut said = match newer.last() {
            None => "none newer".to_owned(),
            Some(newest) => format!("{} newer, the newest {}", newer.len(), newest.version),
        };
        if let Some(release) = newer.iter().rfind(stands_in) {
            said += &format!(
                "; projects on {} may move to {}",
                self.pinned, release.version
            );
        }
        format!("{said} (as of {})", releases::age(known.age))
    }

    /// The newest release whose `.crate` is at hand, and what becomes of the changes there.
    fn trial(&self, project: &Project, krate: &str) -> Result<(String, Vec<Fate>)> {
        let pins = self.newer().into_iter().rev().map(|release| Pin {
            krate: format!("{}-{}", self.name, release.version),
            checksum: release.checksum.clone(),
        });
        let Some((pin, packed)) = pins
            .filter(pin::is_cached)
            .find_map(|pin| pin::read_checked(&pin).ok().map(|packed| (pin, packed)))
        else {
            return Ok((String::new(), Vec::new()));
        };
        let fates = rebase::trial(project, krate, (&pin.krate, &packed))?;
        let version = pin.krate[self.name.len() + 1..].to_owned();
        Ok((version, fates.into_iter().map(|(_, fate)| fate).collect()))
    }
}
