//! `cargo fork publish`: a branch that holds the assembled crates, ready to push, for who points a git patch at the fork.
//!
//! Cargo finds a package anywhere in a repository by its name, so the crates stand side by side, each in a folder of its
//! own. Names and dates are fixed: the same changes give the same commit everywhere, which anybody can check.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::change::{self, Change, Disclosure};
use crate::error::IoContext;
use crate::git::Repo;
use crate::pin;
use crate::project::{Project, split_name};
use crate::verbs::assemble;
use crate::{Error, Result, aside, assemble as assembly};

/// Makes a repository at `to` whose one branch has the crates with changes.
///
/// # Errors
/// [`Error::Usage`] where something stands there, where the branch has no name that git takes, where crates have hand
/// edits, where several lines are meant, or where a change is private and `private` is false.
pub fn run(project: &Project, to: &Path, branch: &str, private: bool) -> Result<()> {
    if let [one, other, ..] = project.lines() {
        return Err(Error::Usage(format!(
            "cargo takes one crate of a name from a branch: publish {} and {} to a branch each",
            one.name(),
            other.name()
        )));
    }
    let changes = change::all(project)?;
    refuse_private(&changes, private)?;
    let report = assemble::ensure(project)?;
    if let Some((krate, edits)) = report.edited.first() {
        return Err(Error::Usage(format!(
            "{} has edits that are not in patch/: {edits}; `cargo fork refresh {krate}` keeps them",
            project.patched_name(krate)
        )));
    }
    let mut crates: Vec<&str> = changes.iter().map(|change| change.krate.as_str()).collect();
    crates.dedup();
    let commit = aside::make_folder(to, |into| {
        let repo = Repo::init_on(into, branch)?;
        for krate in &crates {
            assembly::copy_crate(&project.patched_dir(krate), &into.join(krate))?;
        }
        for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
            copy_if_there(&project.root().join(file), &into.join(file))?;
        }
        let readme = into.join("README.md");
        let text = readme_text(project, branch, &crates, &changes)?;
        fs::write(&readme, text).on("cannot write", &readme)?;
        repo.commit_all(&format!(
            "{branch}: the published crates with their changes\n"
        ))?;
        repo.git(["rev-parse", "HEAD"])
    })?;
    println!(
        "{}: branch {branch}, commit {commit}, {} crates and {} changes",
        to.display(),
        crates.len(),
        changes.len()
    );
    println!("to push it:  git -C {} push <url> {branch}", to.display());
    Ok(())
}

fn refuse_private(changes: &[Change], private: bool) -> Result<()> {
    let named = changes
        .iter()
        .filter(|change| change.facts.disclosure == Disclosure::Private);
    let names: Vec<String> = named.map(Change::name).collect();
    if private || names.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} is private (SECURITY.md); `--private` publishes it all the same",
        names.join(", ")
    )))
}

/// What stands in it and how to use it; made from the inputs alone, so that the commit is too.
fn readme_text(
    project: &Project,
    branch: &str,
    crates: &[&str],
    changes: &[Change],
) -> Result<String> {
    let mut text = format!(
        "# {branch}\n\nPublished crates with Evergreen's changes laid over them, made by `cargo fork publish`; do not edit. \
         Each version is upstream's, each licence too. In the root manifest of a project:\n\n```toml\n[patch.crates-io]\n"
    );
    for krate in crates {
        let (name, _) = split_name(krate).unwrap_or((krate, ""));
        let _ = writeln!(
            text,
            "{name} = {{ git = \"<url>\", branch = \"{branch}\" }}"
        );
    }
    text += "```\n\nThen `cargo update --package <crate> --precise <version>` where the lock has an older one, and \
             `cargo tree --invert <crate>` names this repository if it worked. Only what the project's graph contains belongs \
             in the table: cargo warns of the others.\n\n| crate | changes | SHA-256 of the published crate |\n|---|---|---|\n";
    let names: Vec<String> = crates.iter().map(|krate| krate.to_string()).collect();
    for pin in pin::pins(project, &names)? {
        let count = changes
            .iter()
            .filter(|change| change.krate == pin.krate)
            .count();
        let _ = writeln!(text, "| {} | {count} | {} |", pin.krate, pin.checksum);
    }
    let _ = writeln!(
        text,
        "\nDigest of all that it was made from: {}",
        assembly::inputs_digest(project)?
    );
    Ok(text)
}

fn copy_if_there(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs::copy(from, to).on("cannot copy to", to)?;
    }
    Ok(())
}
