//! A crate's changes as patches for the repository that the crate comes from.
//!
//! Upstream's repository is not at hand, so its folder is made from the published crate: the manifest as its authors wrote
//! it, everything else as cargo packed it, at the place that `.cargo_vcs_info.json` names. The changes are laid over that
//! and written out by git itself.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use textwrap::Options;

use crate::change::Change;
use crate::contributing::Upstream;
use crate::error::IoContext;
use crate::git::{Repo, UPSTREAM};
use crate::lay::{self, Form};
use crate::{Error, Result};

/// What cargo notes in a `.crate` about where it came from.
const VCS_INFO: &str = ".cargo_vcs_info.json";
/// The manifest as its authors wrote it.
const WRITTEN: &str = "Cargo.toml.orig";

/// How wide the text of a commit is, as git's own manual advises.
const BODY_WIDTH: usize = 72;

/// Where a published crate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address that its manifest names.
    pub repository: String,
    pub commit: String,
    /// Its folder in the repository; empty where it is the root.
    pub folder: String,
}

/// One patch of a series.
#[derive(Debug, Clone)]
pub struct Patch<'a> {
    pub change: &'a Change,
    /// `NNNN-slug.patch`.
    pub file: String,
    pub text: Vec<u8>,
}

/// The changes of a crate in its own repository.
pub struct Series {
    repo: Repo,
    pub origin: Origin,
    /// The commit that stands for upstream's.
    base: String,
    /// A commit a change, in the order of the series.
    commits: Vec<String>,
}

impl Series {
    /// Makes it in an empty folder.
    pub fn make(krate: &str, packed: &[u8], changes: &[Change], dir: &Path) -> Result<Self> {
        let repo = lay::lay_upstream(krate, packed, dir)?;
        let origin = Origin::read(krate, dir)?;
        let (project, _) = Upstream::of(krate, &origin.repository)?;
        as_written(krate, dir)?;
        repo.commit_all("As its authors have it\n")?;
        repo.git(["tag", "--force", UPSTREAM])?;
        for change in changes {
            lay::lay_change_in(&repo, change, Form::Written)?;
        }
        // Read before the index is used for other trees.
        let flat = repo.commits()?;
        let base = nested(&repo, UPSTREAM, &origin.folder, None, "upstream")?;
        let mut commits: Vec<String> = Vec::new();
        for (commit, change) in flat.iter().zip(changes) {
            let message = message(&project, change);
            let parent = commits.last().unwrap_or(&base);
            commits.push(nested(
                &repo,
                commit,
                &origin.folder,
                Some(parent),
                &message,
            )?);
        }
        Ok(Series {
            repo,
            origin,
            base,
            commits,
        })
    }

    /// The whole series as patches.
    pub fn patches<'a>(&self, changes: &'a [Change]) -> Result<Vec<Patch<'a>>> {
        self.write(changes, &self.commits)
    }

    /// One change: alone where it goes on without those before it, else with them. `at` is its place in the series.
    pub fn patches_of<'a>(&self, changes: &'a [Change], at: usize) -> Result<Vec<Patch<'a>>> {
        match self.repo.transplant(&self.commits[at], &self.base)? {
            Some(commit) => self.write(&changes[at..=at], &[commit]),
            None => self.write(&changes[..=at], &self.commits[..=at]),
        }
    }

    fn write<'a>(&self, changes: &'a [Change], commits: &[String]) -> Result<Vec<Patch<'a>>> {
        let count = commits.len();
        let patch = |(at, (change, commit)): (usize, (&'a Change, &String))| {
            let number = at + 1;
            let prefix = match count {
                1 => "--subject-prefix=PATCH".to_owned(),
                _ => format!("--subject-prefix=PATCH {number}/{count}"),
            };
            let args = [
                "format-patch",
                "--stdout",
                "--max-count=1",
                &prefix,
                "--no-numbered",
                "--full-index",
                "--no-renames",
                "--binary",
                "--no-signature",
                "--zero-commit",
                commit,
            ];
            Ok(Patch {
                change,
                file: format!("{number:04}-{}.patch", change.slug),
                text: self.repo.output(args)?,
            })
        };
        changes.iter().zip(commits).enumerate().map(patch).collect()
    }
}

impl Origin {
    /// Reads it from an unpacked crate.
    pub fn read(krate: &str, dir: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Info {
            git: Git,
            #[serde(default)]
            path_in_vcs: String,
        }
        #[derive(Deserialize)]
        struct Git {
            sha1: String,
        }
        let missing = |what: &str| {
            Error::Check(format!(
                "{krate} cannot be exported: {what}, so it is not known where upstream has it"
            ))
        };
        let path = dir.join(VCS_INFO);
        let text = fs::read(&path).map_err(|_| missing("it has no .cargo_vcs_info.json"))?;
        let info: Info =
            serde_json::from_slice(&text).map_err(|error| Error::malformed(&path, error))?;
        let path = dir.join("Cargo.toml");
        let text = fs::read_to_string(&path).on("cannot read", &path)?;
        let manifest: toml::Table = text
            .parse()
            .map_err(|error| Error::malformed_toml(&path, &text, &error))?;
        let repository = manifest
            .get("package")
            .and_then(|package| package.get("repository")?.as_str())
            .ok_or_else(|| missing("its manifest names no repository"))?;
        Ok(Origin {
            repository: repository.to_owned(),
            commit: info.git.sha1,
            folder: info.path_in_vcs,
        })
    }
}

/// What a change's commit says in its project's repository: the subject as the project wants it, why, and where the reader
/// is to find the tests that the why speaks of.
fn message(project: &Upstream, change: &Change) -> String {
    let options = Options::new(BODY_WIDTH).break_words(false);
    let mut paragraphs = vec![project.subject(change)];
    for paragraph in change.facts.why.trim().split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        // How `change.toml` calls the list, which upstream does not see.
        let told = words.replace("in the order of `tests`", "in the order of the tests below");
        paragraphs.push(textwrap::fill(&told, &options));
    }
    if !change.facts.tests.is_empty() {
        paragraphs.push("Tests that fail without this:".to_owned());
        let tests = change.facts.tests.iter();
        let listed = tests.map(|test| format!("- {} in {}", test.test, test.file));
        paragraphs.push(listed.collect::<Vec<_>>().join("\n"));
    }
    paragraphs.join("\n\n") + "\n"
}

/// Takes away what cargo made when it packed the crate.
fn as_written(krate: &str, dir: &Path) -> Result<()> {
    let (written, manifest) = (dir.join(WRITTEN), dir.join("Cargo.toml"));
    if !written.is_file() {
        return Err(Error::Check(format!(
            "{krate} cannot be exported: it has no {WRITTEN}, so its manifest is not known as its authors wrote it"
        )));
    }
    fs::rename(&written, &manifest).on("cannot write", &manifest)?;
    let info = dir.join(VCS_INFO);
    fs::remove_file(&info).on("cannot delete", &info)
}

/// A commit with the tree of another, moved into a folder.
fn nested(
    repo: &Repo,
    commit: &str,
    folder: &str,
    parent: Option<&str>,
    message: &str,
) -> Result<String> {
    let tree = if folder.is_empty() {
        repo.git(["rev-parse", &format!("{commit}^{{tree}}")])?
    } else {
        repo.git(["read-tree", "--empty"])?;
        repo.git(["read-tree", &format!("--prefix={folder}/"), commit])?;
        repo.git(["write-tree"])?
    };
    repo.commit_tree(&tree, parent, message)
}
