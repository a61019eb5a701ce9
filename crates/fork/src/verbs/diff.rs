//! `cargo fork diff`: what the changes do, with upstream's text around them. For reading; nothing of it is committed.

use std::io::IsTerminal;

use crate::change;
use crate::git::{self, Repo, UPSTREAM};
use crate::project::Project;
use crate::verbs::assemble;
use crate::{Error, Result};

/// Prints the diff of every crate, of one, or of one change of it.
pub fn run(project: &Project, name: Option<&str>, slug: Option<&str>) -> Result<()> {
    let crates = project.select(name)?;
    if slug.is_some() && name.is_none() {
        return Err(Error::Usage(
            "--change belongs to one crate: name the crate as well".into(),
        ));
    }
    assemble::ensure(project)?;
    let color = std::io::stdout().is_terminal();
    for krate in &crates {
        let repo = Repo::at(project.patched_dir(krate));
        let (from, to) = match slug {
            Some(slug) => {
                let commit = commit_of(&repo, krate, slug)?;
                (format!("{commit}^"), commit)
            }
            None => (UPSTREAM.to_owned(), "HEAD".to_owned()),
        };
        let text = git::show_diff(&repo, &from, &to, color)?;
        if !text.is_empty() {
            println!("{text}");
        }
    }
    Ok(())
}

/// The commit that holds a change: by its message, as commits made by hand may stand among ours.
fn commit_of(repo: &Repo, krate: &str, slug: &str) -> Result<String> {
    let mut slugs = Vec::new();
    for commit in repo.commits()? {
        let message = repo.git(["show", "--no-patch", "--format=%B", &commit])?;
        match change::slug_in(&message) {
            Some(there) if there == slug => return Ok(commit),
            there => slugs.extend(there.map(str::to_owned)),
        }
    }
    Err(Error::Usage(format!(
        "{krate} has no change `{slug}`; expected one of: {}",
        slugs.join(", ")
    )))
}
