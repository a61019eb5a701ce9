//! `cargo fork rebase`: a crate's changes on another release of it.
//!
//! Until all of them are there, everything stands in the tool's scratch space, a git repository to work in; then the new
//! folder under `patch/` is written at once. The old one stays: which release is built is decided by the pin.

use std::fs;
use std::path::PathBuf;

use crate::change::{self, Change};
use crate::error::IoContext;
use crate::git::Repo;
use crate::lay::{self, Form};
use crate::project::{Project, split_name};
use crate::rebase::{self, Bench};
use crate::verbs::refresh;
use crate::{Error, Result, aside};

/// Begins, or goes on where the last call stopped.
///
/// # Errors
/// [`Error::Check`] where git stopped at a conflict: it is left as git leaves it, and the text says what comes next.
pub fn run(project: &Project, name: &str, version: &str) -> Result<()> {
    let job = Job::new(project, name, version)?;
    let to = project.patch_dir(&job.new);
    if to.exists() {
        return Err(Error::Usage(format!(
            "patch/{} is there already; delete it to begin anew",
            job.new
        )));
    }
    let bench = if job.dir.exists() {
        job.resume()?
    } else {
        job.begin(project)?
    };
    if bench.is_unfinished() {
        return Err(job.stopped(&bench)?);
    }
    job.finish(project, &bench)
}

/// Throws away what was begun.
pub fn abandon(project: &Project, name: &str, version: &str) -> Result<()> {
    let job = Job::new(project, name, version)?;
    if !job.dir.exists() {
        return Err(Error::Usage(format!(
            "no rebase of {} to {version} was begun",
            job.old
        )));
    }
    fs::remove_dir_all(&job.dir).on("cannot delete", &job.dir)?;
    println!("abandoned: nothing is left of {} on {version}", job.old);
    Ok(())
}

struct Job {
    /// `<crate>-<version>` of the release that the changes are for, and of the other one.
    old: String,
    new: String,
    name: String,
    version: String,
    /// Where the work is done.
    dir: PathBuf,
}

impl Job {
    fn new(project: &Project, name: &str, version: &str) -> Result<Self> {
        let old = project.find_crate(name)?;
        if semver::Version::parse(version).is_err() {
            return Err(Error::Usage(format!(
                "{version:?} is no version; expected one as 0.35.0"
            )));
        }
        let (name, from) = split_name(&old).unwrap_or((&old, ""));
        if from == version {
            return Err(Error::Usage(format!("{old} is on {version} already")));
        }
        let new = format!("{name}-{version}");
        Ok(Job {
            name: name.to_owned(),
            version: version.to_owned(),
            dir: project.scratch("rebase")?.join(&new),
            new,
            old,
        })
    }

    fn begin(&self, project: &Project) -> Result<Bench> {
        let changes = change::changes(project, &self.old)?;
        let (_, packed) = rebase::release(&self.name, &self.version)?;
        aside::make_folder(&self.dir, |dir| {
            Bench::make(project, &self.old, &changes, (&self.new, &packed), dir).map(drop)
        })?;
        let bench = self.bench();
        let begun = bench.rebase();
        if begun.is_err() {
            // The error is what there is to tell.
            let _ = fs::remove_dir_all(&self.dir);
        }
        begun.map(|_| bench)
    }

    fn resume(&self) -> Result<Bench> {
        let bench = self.bench();
        if bench.is_where_it_was()? {
            bench.rebase()?;
            return Ok(bench);
        }
        let edits = bench.repo.git(["status", "--porcelain"])?;
        if !bench.is_unfinished() && !edits.is_empty() {
            return Err(Error::Check(format!(
                "{} has edits that are in no commit; `git commit --amend` them there and call this again",
                self.dir.display()
            )));
        }
        Ok(bench)
    }

    fn bench(&self) -> Bench {
        Bench {
            repo: Repo::at(&self.dir),
        }
    }

    fn stopped(&self, bench: &Bench) -> Result<Error> {
        let (slug, files) = bench.stopped_at()?;
        let files = match files.is_empty() {
            true => "all is resolved".to_owned(),
            false => format!("conflicts in {}", files.join(", ")),
        };
        Ok(Error::Check(format!(
            "stopped at {slug}: {files}; in {}: mend, `git add`, `git rebase --continue` (or `--skip`), then `cargo fork rebase \
             {} {}` again here; `--abandon` leaves nothing",
            self.dir.display(),
            self.name,
            self.version
        )))
    }

    /// Writes the new folder from the commits, and checks that they come back from it as they are.
    fn finish(&self, project: &Project, bench: &Bench) -> Result<()> {
        let mut changes = Vec::new();
        let mut upstream = Vec::new();
        for (commit, message, empty) in bench.moved()? {
            let slug = change::slug_in(&message).ok_or_else(|| {
                Error::Check(format!(
                    "{}: commit {commit:.8} has no line `Change: <slug>` at its end; squash it into the one it belongs to",
                    self.dir.display()
                ))
            })?;
            if empty {
                upstream.push(slug.to_owned());
                continue;
            }
            let mut change =
                refresh::take(project, &self.old, &bench.repo, &commit, slug, &message)?;
            change.krate.clone_from(&self.new);
            changes.push(change);
        }
        let before = change::series(project, &self.old)?;
        let stays = |slug: &&String| {
            !upstream.contains(slug) && !changes.iter().any(|change| change.slug == **slug)
        };
        let dropped: Vec<&String> = before.iter().filter(stays).collect();
        self.check(&changes, bench)?;
        aside::make_folder(&project.patch_dir(&self.new), |into| {
            for change in &changes {
                refresh::write_change(change, into)?;
            }
            let path = into.join("series");
            let text = self.series(&changes, &upstream, &dropped);
            fs::write(&path, text).on("cannot write", &path)
        })?;
        fs::remove_dir_all(&self.dir).on("cannot delete", &self.dir)?;
        self.tell(project, &changes, &upstream, &dropped);
        Ok(())
    }

    fn check(&self, changes: &[Change], bench: &Bench) -> Result<()> {
        let (_, packed) = rebase::release(&self.name, &self.version)?;
        let dir = tempfile::tempdir().on("cannot make a folder in", &std::env::temp_dir())?;
        let laid = lay::lay_upstream(&self.new, &packed, &dir.path().join("crate"))?;
        for change in changes {
            lay::lay_change_in(&laid, change, Form::Left)?;
        }
        let tree = |repo: &Repo| repo.git(["rev-parse", "HEAD^{tree}"]);
        if tree(&laid)? == tree(&bench.repo)? {
            return Ok(());
        }
        Err(Error::Check(format!(
            "{}: the tree would not come back from its commits as it is (is a file shared with a twin?); nothing was written",
            self.dir.display()
        )))
    }

    fn series(&self, changes: &[Change], upstream: &[String], dropped: &[&String]) -> String {
        let mut text = format!(
            "# The changes to {}, in the order they are laid; a line is a folder beside this file.\n",
            self.new
        );
        for slug in upstream {
            text += &format!("# {slug}: {} has it\n", self.version);
        }
        for slug in dropped {
            text += &format!(
                "# {slug}: skipped when the changes came from {}\n",
                self.old
            );
        }
        for change in changes {
            text += &format!("{}\n", change.slug);
        }
        text
    }

    fn tell(
        &self,
        project: &Project,
        changes: &[Change],
        upstream: &[String],
        dropped: &[&String],
    ) {
        let Job {
            old, new, version, ..
        } = self;
        for slug in upstream {
            println!(
                "{slug}: {version} has it; patch/{old}/{slug}/change.toml: upstream-status = \"Accepted {version}\""
            );
        }
        for slug in dropped {
            println!("{slug}: skipped");
        }
        println!(
            "patch/{new}: {} changes, {} that the release has, {} skipped",
            changes.len(),
            upstream.len(),
            dropped.len()
        );
        let line = project.line_of(old);
        let [pin, manifest] = [line.pin_manifest(), line.manifest()].map(|path| line.shown(&path));
        println!(
            "next: put \"={version}\" for {} into {pin} and `cargo update --workspace --manifest-path {pin}`; write {new} for \
             {old} in {manifest} and tests/suites.toml; `git rm -r patch/{old}`; `cargo fork assemble{}`, and \
             `cargo fork test {new}`",
            self.name,
            line.flag()
        );
    }
}
