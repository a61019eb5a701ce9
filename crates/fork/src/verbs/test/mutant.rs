//! The assembled crates with one change taken out, its tests left in: what `cargo soak mutate` builds and looks at.
//!
//! Taking out is git's work, on the assembled trees: the commit of the change gives way to one of its tests alone, and those
//! behind it are transplanted. What conflicts goes as well, and so does what `needs` something that went, and what then does
//! not compile, as far as the lines that do not compile came with a later change. A series may lose much of itself that way;
//! [`Mutant::out`] names all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use regex::{Captures, Regex};

use super::before::Without;
use super::run::{self, Outcome, Suite};
use super::suites::Suites;
use crate::change::{Change, TestName};
use crate::error::IoContext;
use crate::git::{Repo, UPSTREAM};
use crate::project::{Line, Project};
use crate::verbs::untouched;
use crate::{Error, Result, assemble, change, lay, ledger};

/// How often a mutant that does not compile is laid again without what does not.
const ROUNDS_MAX: usize = 12;

/// How long the workload may take to be built, in seconds.
const BUILD_SECONDS_MAX: u64 = 45 * 60;

/// How a workload is built to be looked at: not optimised, since a mutant is built once, but for what all nodes sign and greet
/// with. A scenario in which peers come and go spends most of an unoptimised run there.
pub const UNOPTIMISED: [&str; 2] = [
    "--config",
    "profile.dev.package.curve25519-dalek.opt-level=3",
];

/// The branch of a mutant's repository that holds the whole series.
const SERIES: &str = "series";

/// A workspace of the fork with one change taken out. There is one at a time: the next one is laid in its place.
pub struct Mutant<'a> {
    /// With the line of the change alone.
    project: Project,
    suites: &'a Suites,
    all: &'a [Change],
    change: &'a Change,
    dir: PathBuf,
    /// Locked for as long as this is here.
    _held: File,
    /// What is out, the change itself among it, by name.
    out: BTreeSet<String>,
}

/// Whether something builds.
#[derive(Debug)]
pub enum Built<T> {
    Yes(T),
    /// Not without more than the change and what stands on it; the line that says so.
    No(String),
}

impl<'a> Mutant<'a> {
    /// Lays it. `patched/` must be assembled and as it was made; `all` are the changes of every crate.
    pub fn lay(
        project: &Project,
        suites: &'a Suites,
        all: &'a [Change],
        change: &'a Change,
    ) -> Result<Self> {
        let scratch = project.scratch("mutant")?;
        let held = File::open(&scratch).on("cannot read", &scratch)?;
        if held.try_lock().is_err() {
            return Err(Error::Usage(format!(
                "another `cargo soak mutate` is at work in {}; wait for its end",
                scratch.display()
            )));
        }
        let mut mutant = Self {
            project: project.of(&change.krate),
            suites,
            all,
            change,
            dir: project.scratch("mutant/laid")?,
            _held: held,
            out: BTreeSet::from([change.name()]),
        };
        mutant.lay_anew()?;
        Ok(mutant)
    }

    /// What went with the change, in the order of the series.
    pub fn out(&self) -> Vec<String> {
        let names = self.all.iter().map(Change::name);
        let with_it = |name: &String| self.out.contains(name) && *name != self.change.name();
        names.filter(with_it).collect()
    }

    /// Takes out more than the change and what stands on it.
    pub fn take_out(&mut self, names: impl IntoIterator<Item = String>) -> Result<()> {
        self.out.extend(names);
        self.lay_anew()
    }

    /// The changes behind this one in its series that are still in.
    pub fn later(&self) -> Vec<String> {
        let series = change::by_crate(self.all)[self.change.krate.as_str()];
        let names = series.iter().map(Change::name);
        let behind = names.skip_while(|name| *name != self.change.name());
        behind.filter(|name| !self.out.contains(name)).collect()
    }

    /// Builds the tests of the change's crate. Lays anew what does not compile, without the later changes by which it does not.
    pub fn build_tests(&mut self) -> Result<Built<()>> {
        self.build(|mutant| mutant.without(|without| without.build()))
    }

    /// Runs a test of the change, which is built: what it said when it failed, or why that it did not is wrong.
    pub fn fails(&self, test: &TestName) -> Result<Result<String, String>> {
        self.without(|without| without.fails(test))
    }

    /// Builds the workload of the change's line on the mutant, and says where it stands. `told` is what cargo is told more.
    pub fn build_workload(&mut self, told: &[&str]) -> Result<Built<PathBuf>> {
        let target = self.line().target_dir();
        let built = self.build(|mutant| {
            let mut command = mutant.line().cargo("build");
            command.args(["-p", mutant.line().workload(), "-p", untouched::SIDE]);
            command.args(UNOPTIMISED).args(told);
            untouched::build_there(&mut command, mutant.line(), &mutant.dir);
            let suite = Suite {
                label: format!("mutant {} workload", mutant.change.name()),
                command,
                seconds_max: BUILD_SECONDS_MAX,
            };
            run::run(&mutant.project, &suite)
        })?;
        Ok(match built {
            Built::Yes(()) => {
                let program = format!("debug/{}-patched", self.line().workload());
                Built::Yes(target.join(program))
            }
            Built::No(why) => Built::No(why),
        })
    }

    fn without<T>(&self, look: impl FnOnce(Without) -> T) -> T {
        look(Without {
            project: &self.project,
            change: self.change,
            of: &self.suites.of(&self.change.krate),
            dir: &self.dir,
            purpose: "mutant",
        })
    }

    fn build(&mut self, build: impl Fn(&Self) -> Result<Outcome>) -> Result<Built<()>> {
        for _ in 0..ROUNDS_MAX {
            let outcome = build(self)?;
            if outcome.success {
                return Ok(Built::Yes(()));
            }
            let text = fs::read_to_string(&outcome.log).on("cannot read", &outcome.log)?;
            let culprits = self.culprits(&text)?;
            if culprits.is_empty() && errors(&text).is_empty() {
                // No line of any crate is to blame: a compiler was killed, or a disk is full.
                return Err(Error::Check(format!(
                    "{} could not be built: {}; see {}",
                    self.change.name(),
                    crate::process::gist(&text),
                    outcome.log.display()
                )));
            }
            if culprits.is_empty() {
                return Ok(Built::No(crate::process::gist(&text)));
            }
            self.out.extend(culprits);
            self.lay_anew()?;
        }
        Ok(Built::No(format!(
            "does not compile after {ROUNDS_MAX} rounds of taking out what does not"
        )))
    }

    /// Lays everything without what is out, and whatever has to go with that.
    fn lay_anew(&mut self) -> Result<()> {
        fs::remove_dir_all(&self.dir).on("cannot empty", &self.dir)?;
        let mut laid: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let needy = self.all.iter().filter(|change| {
                let mut needs = change.facts.needs.iter();
                needs.any(|need| self.out.contains(need))
            });
            let needy: Vec<_> = needy.map(Change::name).collect();
            self.out.extend(needy);
            let touched = self.touched();
            let stale = touched.into_iter().find(|krate| {
                let lost = self.lost(krate);
                laid.insert(krate.clone(), lost) != Some(lost)
            });
            let Some(krate) = stale else { break };
            self.lay_crate(&krate)?;
            laid.insert(krate.clone(), self.lost(&krate));
        }

        let all = self.project.crates()?;
        let path = |krate: &String| match laid.contains_key(krate) {
            true => PathBuf::from(member(krate)),
            false => self.project.patched_dir(krate),
        };
        let crates: Vec<_> = all
            .iter()
            .map(|krate| (krate.as_str(), path(krate)))
            .collect();
        let line = self.line();
        lay_workload(line, &self.dir)?;
        let side = self.suites.untouched_needs(line);
        untouched::around(line, &self.dir, &crates, &[line.workload()], &side)
    }

    /// The line of the change.
    pub fn line(&self) -> &Line {
        self.project.line_of(&self.change.krate)
    }

    /// Lays one crate without what is out; what conflicts then is out as well.
    fn lay_crate(&mut self, krate: &str) -> Result<()> {
        let dir = self.dir.join(member(krate));
        if dir.exists() {
            fs::remove_dir_all(&dir).on("cannot empty", &dir)?;
        }
        fs::create_dir_all(&dir).on("cannot make", &dir)?;
        let repo = Repo::init(&dir)?;
        let from = self.project.patched_dir(krate);
        let whole = format!("HEAD:refs/heads/{SERIES}");
        let tag = format!("refs/tags/{UPSTREAM}:refs/tags/{UPSTREAM}");
        let from = from.to_string_lossy();
        repo.git(["fetch", "--quiet", "--no-tags", &from, &whole, &tag])?;

        let range = format!("{UPSTREAM}..{SERIES}");
        let commits = repo.git(["rev-list", "--reverse", &range])?;
        let mut head = repo.git(["rev-parse", UPSTREAM])?;
        for commit in commits.lines() {
            let slug = self.slug_of(&repo, commit)?;
            let name = format!("{krate}/{slug}");
            if name == self.change.name() {
                repo.git(["reset", "--quiet", "--hard", &head])?;
                lay::lay_tests(&repo, self.change, &self.change.facts.tests)?;
                head = repo.git(["rev-parse", "HEAD"])?;
            } else if !self.out.contains(&name) {
                match repo.transplant(commit, &head)? {
                    Some(moved) => head = moved,
                    None => drop(self.out.insert(name)),
                }
            }
        }
        repo.git(["reset", "--quiet", "--hard", &head]).map(drop)
    }

    /// The changes that brought the lines which do not compile: those behind the one that is out.
    fn culprits(&self, text: &str) -> Result<Vec<String>> {
        let mut culprits = BTreeSet::new();
        for (file, line) in errors(text) {
            let Some((krate, repo, file)) = self.owner(&file) else {
                continue;
            };
            let lines = format!("-L{line},{line}");
            let blamed = repo.git(["blame", "--porcelain", &lines, "HEAD", "--", &file]);
            let commit = blamed.ok().and_then(|said| {
                let (commit, _) = said.split_once(' ')?;
                Some(commit.to_owned())
            });
            let Some(commit) = commit else { continue };
            let slug = self.slug_of(&repo, &commit)?;
            let name = format!("{krate}/{slug}");
            if self.is_behind(&name) {
                culprits.insert(name);
            }
        }
        Ok(culprits.into_iter().collect())
    }

    /// Whether a change is laid after the one that is out, or in another crate, and is not out itself.
    fn is_behind(&self, name: &str) -> bool {
        let at = |wanted: &str| self.all.iter().position(|change| change.name() == wanted);
        let there = at(name).filter(|_| !self.out.contains(name));
        there.is_some_and(|there| {
            self.all[there].krate != self.change.krate || Some(there) > at(&self.change.name())
        })
    }

    /// The crate that a path in a compiler's message is of, and the path within it.
    fn owner(&self, file: &str) -> Option<(String, Repo, String)> {
        let crates = self.project.crates().ok()?;
        crates.into_iter().find_map(|krate| {
            let here = Path::new(file).strip_prefix(member(&krate));
            let folders = [
                self.dir.join(member(&krate)),
                self.project.patched_dir(&krate),
            ];
            let within = |folder: &PathBuf| {
                let inner = Path::new(file).strip_prefix(folder).ok()?;
                Some((folder.clone(), inner.to_owned()))
            };
            let (folder, inner) = match here {
                Ok(inner) => (folders[0].clone(), inner.to_owned()),
                Err(_) => folders.iter().find_map(within)?,
            };
            let inner = inner.to_string_lossy().into_owned();
            Some((krate, Repo::at(folder), inner))
        })
    }

    /// The slug that a commit names; empty for none.
    fn slug_of(&self, repo: &Repo, commit: &str) -> Result<String> {
        let message = repo.git(["show", "--no-patch", "--format=%B", commit])?;
        Ok(change::slug_in(&message).unwrap_or_default().to_owned())
    }

    fn touched(&self) -> BTreeSet<String> {
        let krate = |name: &String| Some(name.split_once('/')?.0.to_owned());
        self.out.iter().filter_map(krate).collect()
    }

    /// How many changes of a crate are out.
    fn lost(&self, krate: &str) -> usize {
        let of_crate = |name: &&String| name.split_once('/').is_some_and(|(of, _)| of == krate);
        self.out.iter().filter(of_crate).count()
    }
}

/// By crate, a digest of everything that a mutant without a change to it is made from and tested with: the crate, those it
/// needs, and those that need it. `all` are the changes of every crate, in the order of the crates.
pub fn inputs(project: &Project, all: &[Change]) -> Result<BTreeMap<String, String>> {
    let needs: BTreeMap<&str, BTreeSet<&str>> = change::by_crate(all)
        .into_iter()
        .map(|(krate, series)| (krate, change::needed_crates(series, all)))
        .collect();
    let crates: BTreeSet<&str> = needs
        .iter()
        .flat_map(|(krate, needs)| needs.iter().chain([krate]))
        .copied()
        .collect();
    let digests = assemble::digests_of(project, crates, all)?;
    let around = |(krate, needed): (&&str, &BTreeSet<&str>)| {
        let mut around = needed.clone();
        let needy = needs.iter().filter(|(_, needed)| needed.contains(krate));
        around.extend(needy.map(|(needy, _)| needy));
        around.insert(krate);
        let around: Vec<_> = around.iter().map(|krate| digests[krate].as_str()).collect();
        ((*krate).to_owned(), ledger::digest(&around.join(" ")))
    };
    Ok(needs.iter().map(around).collect())
}

/// That `patched/` is what the changes say: a mutant is made from what stands there.
///
/// # Errors
/// [`Error::Check`] where somebody works in it.
pub fn require_unedited(assembled: &assemble::Report) -> Result<()> {
    match assembled.edited.first() {
        None => Ok(()),
        Some((krate, edits)) => Err(Error::Check(format!(
            "patched/{krate} has edits ({edits}); `cargo fork refresh {krate}` first"
        ))),
    }
}

/// The folder of a crate in the mutant's workspace.
fn member(krate: &str) -> String {
    format!("{krate}-mutant")
}

/// Lays the package of a line's workload without its sources, which it builds where they stand: a member of one workspace
/// cannot be one of another, and workloads share sources by their place.
fn lay_workload(line: &Line, dir: &Path) -> Result<()> {
    let from = line.workload_dir();
    let manifest = from.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).on("cannot read", &manifest)?;
    let to = dir.join(line.workload());
    fs::create_dir_all(&to).on("cannot make", &to)?;
    let to = to.join("Cargo.toml");
    fs::write(&to, reaching(&text, &from)).on("cannot write", &to)
}

/// A manifest whose paths lead where they do in the folder `from`, wherever it stands.
fn reaching(manifest: &str, from: &Path) -> String {
    let relative = Regex::new(r#"path = "([^/"][^"]*)""#).expect("a pattern that stands here");
    let absolute = |found: &Captures| format!("path = {:?}", from.join(&found[1]));
    relative.replace_all(manifest, absolute).into_owned()
}

/// Where a compiler says that something does not compile, by file and line.
fn errors(text: &str) -> Vec<(String, u32)> {
    let place = Regex::new(r"^\s*--> (.+):(\d+):\d+$").expect("a pattern that stands in this file");
    let mut errors = Vec::new();
    let mut is_error = false;
    for line in text.lines() {
        if line.starts_with("error") || line.starts_with("warning") {
            is_error = line.starts_with("error");
        } else if let (true, Some(found)) = (is_error, place.captures(line)) {
            // The first place of a message is the one it is about.
            is_error = false;
            errors.extend(
                found[2]
                    .parse()
                    .ok()
                    .map(|line| (found[1].to_owned(), line)),
            );
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_a_manifest_lead_to_the_same_from_elsewhere() {
        let manifest =
            "path = \"src/main.rs\"\nrt = { path = \"../rt\", optional = true }\npath = \"/a/b\"\n";
        assert_eq!(
            reaching(manifest, Path::new("/w/churn")),
            "path = \"/w/churn/src/main.rs\"\nrt = { path = \"/w/churn/../rt\", optional = true }\npath = \"/a/b\"\n"
        );
    }

    #[test]
    fn what_does_not_compile_is_read_and_warnings_are_not() {
        let text = "warning: unused\n --> a-mutant/src/lib.rs:1:1\nerror[E0425]: no such\n   --> a-mutant/src/net.rs:12:5\n\
                    note: here\n  --> a-mutant/src/other.rs:3:1\nerror: could not compile `a`\n";
        assert_eq!(errors(text), [("a-mutant/src/net.rs".to_owned(), 12)]);
    }
}
