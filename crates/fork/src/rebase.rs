//! A crate's changes on another release of the crate, by git's own three-way merge.
//!
//! Both releases and the changes stand in one repository: the old release and a commit a change behind it, and the new
//! release on a root of its own. What a change adds to a manifest is data, and published manifests are machine-written, so
//! the commits leave `Cargo.toml` alone; it cannot conflict.

use std::fs;
use std::path::Path;

use crate::change::{self, Change};
use crate::error::IoContext;
use crate::git::{BRANCH, Repo, UPSTREAM};
use crate::lay::{self, Form};
use crate::pin::{self, Pin};
use crate::process::{cargo, output_of};
use crate::project::Project;
use crate::{Error, Result};

/// The tag on the old release.
pub const OLD: &str = "upstream-before";

/// What becomes of a change on another release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Git lays it without help.
    Applies,
    /// Nothing is left of it to lay: the release has it.
    Upstream,
    /// Somebody has to look.
    Conflicts,
}

/// The pin of a release that need not be pinned here, and its bytes; cargo fetches and checks them.
///
/// # Errors
/// [`Error::Fetch`] where cargo has neither the release nor a network.
pub fn release(name: &str, version: &str) -> Result<(Pin, Vec<u8>)> {
    let krate = format!("{name}-{version}");
    let dir = tempfile::tempdir().on("cannot make a folder in", &std::env::temp_dir())?;
    let manifest = dir.path().join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"evergreen-asks\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[lib]\npath = \"Cargo.toml\"\n\n\
         [dependencies]\n{name} = {{ version = \"={version}\", default-features = false }}\n"
    );
    fs::write(&manifest, text).on("cannot write", &manifest)?;
    let ask = |args: &[&str]| {
        let mut command = cargo();
        output_of(command.args(args).current_dir(dir.path()))
    };
    let failed = |error: Error| Error::Fetch {
        crates: krate.clone(),
        said: match error {
            Error::Program { said, .. } => said,
            other => other.to_string(),
        },
    };
    // What cargo has already is enough as a rule.
    ask(&["generate-lockfile", "--quiet", "--offline"])
        .or_else(|_| ask(&["generate-lockfile", "--quiet"]))
        .map_err(failed)?;
    let locked = pin::read_lock(&dir.path().join("Cargo.lock"))?;
    let checksum = locked
        .into_iter()
        .find(|package| package.name == name && package.version == version)
        .and_then(|package| package.checksum);
    let Some(checksum) = checksum else {
        return Err(failed(Error::Check(
            "the registry has no such release".into(),
        )));
    };
    let pin = Pin {
        krate: krate.clone(),
        checksum,
    };
    if !pin::is_cached(&pin) {
        // Of all that fetches, this fetches the least: the one crate.
        ask(&["info", "--quiet", &format!("{name}@{version}")]).map_err(failed)?;
    }
    let packed = pin::read_checked(&pin)?;
    Ok((pin, packed))
}

/// The repository with both releases, and the branch with the changes checked out.
pub struct Bench {
    pub repo: Repo,
}

impl Bench {
    /// Makes it in an empty folder. `to` is the other release: `<crate>-<version>` and its bytes.
    pub fn make(
        project: &Project,
        krate: &str,
        changes: &[Change],
        to: (&str, &[u8]),
        dir: &Path,
    ) -> Result<Self> {
        let pins = pin::pins(project, &[krate.to_owned()])?;
        let packed = pin::fetch(project, &pins)?;
        let repo = lay::lay_upstream(krate, &packed[0], dir)?;
        repo.git(["tag", OLD])?;
        // The new release: the same folder emptied, and a root of its own.
        repo.git(["switch", "--quiet", "--orphan", "release"])?;
        empty(dir)?;
        pin::unpack(to.0, to.1, dir)?;
        repo.commit_all(&format!("{} as published\n", to.0))?;
        repo.git(["tag", "--force", UPSTREAM])?;
        repo.git(["switch", "--quiet", BRANCH])?;
        repo.git(["branch", "--quiet", "-D", "release"])?;
        for change in changes {
            lay::lay_change_in(&repo, change, Form::Left)?;
        }
        Ok(Bench { repo })
    }

    /// Lets git move the changes onto the new release. False where it stopped at a conflict.
    pub fn rebase(&self) -> Result<bool> {
        let args = [
            "-c",
            "core.editor=true",
            "rebase",
            "--quiet",
            "--reapply-cherry-picks",
            "--empty=keep",
            "--onto",
            UPSTREAM,
            OLD,
            BRANCH,
        ];
        match self.repo.git(args) {
            Ok(_) => Ok(true),
            Err(_) if self.is_unfinished() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a rebase waits for somebody.
    pub fn is_unfinished(&self) -> bool {
        let git = self.repo.dir().join(".git");
        git.join("rebase-merge").is_dir() || git.join("rebase-apply").is_dir()
    }

    /// Whether the changes stand on the old release still: nobody has begun, or somebody took it back.
    pub fn is_where_it_was(&self) -> Result<bool> {
        let old = self.repo.git(["rev-list", &format!("HEAD..{OLD}")])?;
        Ok(old.is_empty() && !self.is_unfinished())
    }

    /// The change that the rebase waits at, and the files that conflict.
    pub fn stopped_at(&self) -> Result<(String, Vec<String>)> {
        let message = self
            .repo
            .git(["show", "--no-patch", "--format=%B", "REBASE_HEAD"])?;
        let slug = change::slug_in(&message).unwrap_or("a commit of yours");
        let files = self.repo.git(["diff", "--name-only", "--diff-filter=U"])?;
        Ok((slug.to_owned(), files.lines().map(str::to_owned).collect()))
    }

    /// What would become of each change, in order; those that conflict are left out for the ones behind them.
    pub fn fates(&self, changes: &[Change]) -> Result<Vec<Fate>> {
        let mut onto = self
            .repo
            .git(["rev-parse", &format!("{UPSTREAM}^{{commit}}")])?;
        let range = format!("{OLD}..{BRANCH}");
        let commits = self.repo.git(["rev-list", "--reverse", &range])?;
        let mut fates = Vec::new();
        for (commit, _) in commits.lines().zip(changes) {
            let Some(next) = self.repo.transplant(commit, &onto)? else {
                fates.push(Fate::Conflicts);
                continue;
            };
            let empty = is_empty(&self.repo, &next)?;
            fates.push(if empty { Fate::Upstream } else { Fate::Applies });
            onto = next;
        }
        Ok(fates)
    }

    /// The changes that stand on the new release: commit, message, and whether there is nothing in it.
    pub fn moved(&self) -> Result<Vec<(String, String, bool)>> {
        let moved = |commit: String| {
            let message = self
                .repo
                .git(["show", "--no-patch", "--format=%B", &commit])?;
            let empty = is_empty(&self.repo, &commit)?;
            Ok((commit, message, empty))
        };
        self.repo.commits()?.into_iter().map(moved).collect()
    }
}

/// What would become of the changes of a crate on another release, in order.
pub fn trial(project: &Project, krate: &str, to: (&str, &[u8])) -> Result<Vec<(String, Fate)>> {
    let dir = tempfile::tempdir().on("cannot make a folder in", &std::env::temp_dir())?;
    let changes = change::changes(project, krate)?;
    let bench = Bench::make(project, krate, &changes, to, &dir.path().join("crate"))?;
    let slugs = changes.iter().map(|change| change.slug.clone());
    Ok(slugs.zip(bench.fates(&changes)?).collect())
}

fn is_empty(repo: &Repo, commit: &str) -> Result<bool> {
    let diff = repo.git(["diff", "--name-only", &format!("{commit}^"), commit])?;
    Ok(diff.is_empty())
}

/// Deletes everything but the repository.
fn empty(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).on("cannot read", dir)? {
        let path = entry.on("cannot read", dir)?.path();
        if path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        let gone = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        gone.on("cannot delete", &path)?;
    }
    Ok(())
}
