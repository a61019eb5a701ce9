//! Runs git in a folder, always the same way: no user's configuration, no hooks, fixed names and dates.
//!
//! An assembled crate stands in a git-ignored folder of this repository. Git would look upwards from there and work on
//! the wrong one, so every call names its repository.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::IoContext;
use crate::process::{self, output_of};
use crate::{Error, Result};

/// The tag on the commit that holds the crate as it was published.
pub const UPSTREAM: &str = "upstream";
/// The branch that the changes stand on.
pub const BRANCH: &str = "evergreen";

/// A git repository with its work tree.
#[derive(Debug, Clone)]
pub struct Repo {
    dir: PathBuf,
}

impl Repo {
    /// The repository of an assembled crate. Nothing is checked.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Repo { dir: dir.into() }
    }

    /// Makes an empty repository.
    pub fn init(dir: &Path) -> Result<Self> {
        Repo::init_on(dir, BRANCH)
    }

    /// The same on another branch.
    pub fn init_on(dir: &Path, branch: &str) -> Result<Self> {
        let repo = Repo::at(dir);
        let mut command = hermetic();
        command.args([
            "init",
            "--quiet",
            "--object-format=sha1",
            "--template=",
            "--initial-branch",
            branch,
        ]);
        output_of(command.arg(dir))?;
        // The user's git works here too, with the user's configuration, and must see what ours sees.
        for (file, text) in [
            ("config", "[core]\n\tfileMode = false\n\tautocrlf = false\n"),
            (
                "info/attributes",
                "* -text -ident -filter -working-tree-encoding !diff !merge\n",
            ),
        ] {
            let path = dir.join(".git").join(file);
            append(&path, text).on("cannot write", &path)?;
        }
        Ok(repo)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is a repository of its own in the folder.
    pub fn exists(&self) -> bool {
        self.dir.join(".git").is_dir()
    }

    /// Runs git here and gives back what it printed, without the last line feed.
    pub fn git<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<String> {
        let bytes = output_of(self.command().args(args))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// The same, byte for byte.
    pub fn output<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
        output_of(self.command().args(args))
    }

    /// A file as a commit holds it.
    pub fn file(&self, commit: &str, file: &str) -> Result<Vec<u8>> {
        self.output(["show", &format!("{commit}:{file}")])
    }

    /// A commit of a tree, on no branch.
    pub fn commit_tree(&self, tree: &str, parent: Option<&str>, message: &str) -> Result<String> {
        let parent = parent.map(|parent| ["-p", parent]);
        let args = ["commit-tree", tree, "-m", message].into_iter();
        self.git(args.chain(parent.into_iter().flatten()))
    }

    /// What a commit changes, laid over another commit by git's three-way merge. `None` where that conflicts.
    pub fn transplant(&self, commit: &str, onto: &str) -> Result<Option<String>> {
        let base = format!("--merge-base={commit}^");
        let args = ["merge-tree", "--write-tree", &base, onto, commit];
        let output = process::run(self.command().args(args))?;
        match output.status.code() {
            Some(0) => {}
            Some(1) => return Ok(None),
            _ => {
                return Err(Error::Program {
                    command: "git merge-tree".into(),
                    said: process::last_words(&output),
                });
            }
        }
        let tree = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let message = self.git(["show", "--no-patch", "--format=%B", commit])?;
        self.commit_tree(&tree, Some(onto), &message).map(Some)
    }

    /// Commits the whole work tree, whatever a `.gitignore` in it says.
    pub fn commit_all(&self, message: &str) -> Result<()> {
        self.git(["add", "--all", "--force", "."])?;
        self.git([
            "commit",
            "--quiet",
            "--allow-empty",
            "--cleanup=verbatim",
            "--message",
            message,
        ])?;
        Ok(())
    }

    /// The commits behind the published crate, oldest first.
    pub fn commits(&self) -> Result<Vec<String>> {
        let list = self.git(["rev-list", "--reverse", &format!("{UPSTREAM}..HEAD")])?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    /// What is in no commit of the branch: a line a file, as `git status --porcelain` prints it; a stash; another branch.
    pub fn edits(&self) -> Result<Vec<String>> {
        let status = self.git(["status", "--porcelain", "--untracked-files=all"])?;
        let mut edits: Vec<String> = status.lines().map(|line| line.trim().to_owned()).collect();
        let refs = self.git(["for-each-ref", "--format=%(HEAD)%(refname)"])?;
        let ours = format!("*refs/heads/{BRANCH}");
        if !refs.lines().any(|name| name == ours) {
            edits.push(format!(
                "branch {BRANCH} is not checked out (a rebase that is not finished?)"
            ));
        }
        let tag = format!("refs/tags/{UPSTREAM}");
        let known = [ours.as_str(), &ours[1..], &tag];
        let names = refs.lines().map(|name| name.trim_start_matches(' '));
        let others = names.filter(|name| !known.contains(name));
        edits.extend(others.map(|name| name.trim_start_matches('*').to_owned()));
        Ok(edits)
    }

    fn command(&self) -> Command {
        let mut command = hermetic();
        command
            .arg("--git-dir")
            .arg(self.dir.join(".git"))
            .arg("--work-tree")
            .arg(&self.dir)
            .current_dir(&self.dir);
        command
    }
}

/// The text of a diff between two commits with as much context as git gives by default.
pub fn show_diff(repo: &Repo, from: &str, to: &str, color: bool) -> Result<String> {
    let color = if color {
        "--color=always"
    } else {
        "--color=never"
    };
    repo.git(["diff", "--no-ext-diff", "--no-renames", color, from, to])
}

fn hermetic() -> Command {
    let mut command = Command::new("git");
    // A hook, for one, sets some that point at the repository it runs in.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(&name);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", null_file())
        .env("LC_ALL", "C")
        .args([
            "-c",
            "core.autocrlf=false",
            "-c",
            "core.fileMode=false",
            "-c",
            "core.quotePath=false",
            "-c",
            "core.hooksPath=",
            "-c",
            "gc.auto=0",
        ]);
    // The same input gives the same commit ids, on every machine and day.
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Evergreen")
            .env(format!("GIT_{role}_EMAIL"), "evergreen@localhost")
            .env(format!("GIT_{role}_DATE"), "2000-01-01T00:00:00+00:00");
    }
    command
}

fn null_file() -> &'static str {
    if cfg!(windows) { "NUL" } else { "/dev/null" }
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::options().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Whether git can be run at all: one clear line before anything is staged.
pub fn require() -> Result<()> {
    process::run(Command::new("git").arg("--version")).map(drop)
}
