//! Puts `patched/` in place: every crate as published, with its changes laid over it. All or nothing.
//!
//! Each assembled crate carries a stamp of what it was made from, so that nothing is done when nothing changed, and the
//! reason can be said when something did. What a stamp cannot account for was edited by hand, and is never overwritten
//! unless that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::change::{self, Change};
use crate::error::IoContext;
use crate::git::{self, Repo};
use crate::lay;
use crate::pin::{self, Pin};
use crate::process;
use crate::project::{Line, Project, split_name};
use crate::{Error, Result};

/// Raised when the same inputs would be laid differently, so that older trees are made anew.
const LAYOUT: &str = "1";

/// Where the stamp of an assembled crate stands: inside its repository, outside its tree.
const STAMP: &str = ".git/evergreen-stamp.json";

/// How the names of staging folders begin; the root's .gitignore knows it.
const STAGING: &str = ".assemble-";

/// What an assembled crate was made from, and what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// Digests by what they are of: the `.crate`, each file under `patch/`, the layout.
    inputs: BTreeMap<String, String>,
    /// The commit that stood at the top.
    head: String,
}

/// What [`run`] did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The crates that were made anew, and why.
    pub rebuilt: Vec<(String, String)>,
    /// The crates that were as they should be.
    pub fresh: Vec<String>,
    /// Those of the fresh that have hand edits: they are built as they stand.
    pub edited: Vec<(String, String)>,
    /// The locks that had to take up a dependency that a change adds.
    pub updated_locks: Vec<String>,
}

/// A crate to be made anew.
struct Job {
    pin: Pin,
    changes: Vec<Change>,
    inputs: BTreeMap<String, String>,
    reason: String,
}

/// Makes `patched/` what `patch/` and the pin say. `tell` is called with each step.
///
/// # Errors
/// Whatever cannot be fetched, checked, laid or resolved; then `patched/` is as it was. [`Error::HandEdits`] and
/// [`Error::NotOurs`] where something would be overwritten that is not ours and `discard` is false.
pub fn run(project: &Project, discard: bool, mut tell: impl FnMut(&str)) -> Result<Report> {
    git::require()?;
    let lock = Lock::take(project, &mut tell)?;
    let crates = project.crates()?;
    let mut report = Report::default();
    let mut jobs = Vec::new();
    for pin in pin::pins(project, &crates)? {
        jobs.extend(look_at(project, pin, discard, &mut report)?);
    }
    let gone = leftovers(project, &crates, discard)?;
    if jobs.is_empty() && gone.is_empty() {
        return Ok(report);
    }

    let pins: Vec<Pin> = jobs.iter().map(|job| job.pin.clone()).collect();
    if !pins.is_empty() {
        tell("fetching and checking the pinned crates");
    }
    let packed = pin::fetch(project, &pins)?;
    let staging = lock.stage(project)?;
    for (job, packed) in jobs.into_iter().zip(&packed) {
        let krate = job.pin.krate;
        tell(&format!("{krate}: {}", job.reason));
        build(
            &krate,
            packed,
            &job.changes,
            job.inputs,
            &staging.path().join(&krate),
        )?;
        report.rebuilt.push((krate, job.reason));
    }
    let made: Vec<&str> = report.rebuilt.iter().map(|(krate, _)| &**krate).collect();
    let moves = moves(project, &staging, &made)?;
    report.updated_locks = put_in_place(&staging, &moves, &gone, || update_locks(project, &made))?;
    Ok(report)
}

/// What is to be done about one crate; where it is nothing, that goes into the report.
fn look_at(project: &Project, pin: Pin, discard: bool, report: &mut Report) -> Result<Option<Job>> {
    let krate = pin.krate.clone();
    let dir = project.patched_dir(&krate);
    let changes = change::changes(project, &krate)?;
    let inputs = inputs(&pin, &changes);
    let edits = hand_edits(&dir)?;
    let reason = match (stale_because(&dir, &inputs), edits) {
        (Some(_), Some(edits)) if !discard => {
            let place = project.patched_name(&krate);
            return Err(Error::HandEdits {
                place,
                krate,
                edits,
            });
        }
        (Some(_), None) if !discard && is_foreign(&dir) => {
            let place = project.patched_name(&krate);
            let what = "was not made by `assemble`".into();
            return Err(Error::NotOurs { place, what });
        }
        (Some(reason), _) => reason,
        (None, Some(_)) if discard => "hand edits are discarded".into(),
        (None, edits) => {
            report
                .edited
                .extend(edits.map(|edits| (krate.clone(), edits)));
            report.fresh.push(krate);
            return Ok(None);
        }
    };
    Ok(Some(Job {
        pin,
        changes,
        inputs,
        reason,
    }))
}

/// Lays one crate and all its changes in an empty folder, and stamps it.
fn build(
    krate: &str,
    packed: &[u8],
    changes: &[Change],
    inputs: BTreeMap<String, String>,
    dir: &Path,
) -> Result<Repo> {
    let repo = lay::lay_upstream(krate, packed, dir)?;
    for change in changes {
        lay::lay_change(&repo, change)?;
    }
    let head = repo.git(["rev-parse", "HEAD"])?;
    write_stamp(dir, &Stamp { inputs, head })?;
    Ok(repo)
}

/// Makes one crate anew from changes that `refresh` read, beside the one in place; [`Remade::accept`] puts it there.
pub fn remake(project: &Project, krate: &str, changes: &[Change]) -> Result<Remade> {
    let lock = Lock::take(project, |_| {})?;
    let pins = pin::pins(project, &[krate.to_owned()])?;
    let packed = pin::fetch(project, &pins)?;
    let staging = lock.stage(project)?;
    let repo = build(
        krate,
        &packed[0],
        changes,
        inputs(&pins[0], changes),
        &staging.path().join(krate),
    )?;
    let folder = staging.path().join("patch");
    Ok(Remade {
        krate: krate.to_owned(),
        repo,
        folder,
        staging,
    })
}

/// A crate made anew in a folder that goes when this is dropped.
pub struct Remade {
    krate: String,
    pub repo: Repo,
    /// Where the folder is to be written that replaces `patch/<crate>`; not there yet.
    pub folder: PathBuf,
    staging: Staging,
}

impl Remade {
    /// Puts the crate and its folder under `patch/` in their places, both or none.
    pub fn accept(self, project: &Project) -> Result<()> {
        let made = [self.krate.as_str()];
        let mut moves = moves(project, &self.staging, &made)?;
        moves.push((self.folder, project.patch_dir(&self.krate)));
        put_in_place(&self.staging, &moves, &[], || update_locks(project, &made)).map(drop)
    }
}

/// Copies an assembled crate, without its repository.
pub fn copy_crate(from: &Path, to: &Path) -> Result<()> {
    for file in change::files_below(from)? {
        if file.starts_with(".git/") {
            continue;
        }
        let target = to.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).on("cannot make", parent)?;
        }
        fs::copy(from.join(&file), &target).on("cannot copy to", &target)?;
    }
    Ok(())
}

/// What in an assembled crate is not from us: edited files, or commits that `refresh` has not taken up.
pub fn hand_edits(dir: &Path) -> Result<Option<String>> {
    let Some(stamp) = read_stamp(dir) else {
        return Ok(None);
    };
    let repo = Repo::at(dir);
    let mut edits = repo.edits()?;
    if repo.git(["rev-parse", "HEAD"])? != stamp.head {
        edits.push("commits".into());
    }
    const SHOWN: usize = 5;
    if edits.len() > SHOWN {
        let more = edits.len() - SHOWN;
        edits.truncate(SHOWN);
        edits.push(format!("and {more} more"));
    }
    Ok((!edits.is_empty()).then(|| edits.join(", ")))
}

/// The commit that stood at the top of an assembled crate when it was made.
pub fn head_as_made(dir: &Path) -> Option<String> {
    read_stamp(dir).map(|stamp| stamp.head)
}

/// The files under `patch/` that are others than the crate was made from, and others than `changes` would make them.
pub fn overwritten_by(project: &Project, krate: &str, changes: &[Change]) -> Result<Vec<String>> {
    let pins = pin::pins(project, &[krate.to_owned()])?;
    let now = inputs(&pins[0], &change::changes(project, krate)?);
    let made = read_stamp(&project.patched_dir(krate)).map(|stamp| stamp.inputs);
    let written = differing(&now, &inputs(&pins[0], changes));
    let mut lost = differing(&now, &made.unwrap_or_default());
    // `change.toml` is never overwritten.
    lost.retain(|name| written.contains(name) && !name.ends_with(change::FACTS));
    Ok(lost)
}

/// A digest over everything that the crates of the lines that are meant are made from: the same for the same result.
pub fn inputs_digest(project: &Project) -> Result<String> {
    let crates = project.crates()?;
    let mut hash = Sha256::new();
    for pin in pin::pins(project, &crates)? {
        let changes = change::changes(project, &pin.krate)?;
        for (name, digest) in inputs(&pin, &changes) {
            hash.update(format!("{} {name} {digest}\n", pin.krate));
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// A digest over everything that a crate with these changes is built and tested from. What a change only tells is not part of
/// that: better words make nothing stale that was built before.
pub fn digest_of(project: &Project, krate: &str, changes: &[Change]) -> Result<String> {
    let pins = pin::pins(project, &[krate.to_owned()])?;
    let mut inputs = inputs(&pins[0], changes);
    for change in changes {
        let facts = format!("patch/{}/{}", change.name(), change::FACTS);
        inputs.insert(facts, change.facts_without_prose());
    }
    let mut hash = Sha256::new();
    for (name, digest) in inputs {
        hash.update(format!("{name} {digest}\n"));
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// The same of each of these crates with all its changes; `all` are the changes of every crate.
pub fn digests_of<'a>(
    project: &Project,
    crates: impl IntoIterator<Item = &'a str>,
    all: &[Change],
) -> Result<BTreeMap<&'a str, String>> {
    let series = change::by_crate(all);
    let digest = |krate: &'a str| {
        let changes = series.get(krate).copied().unwrap_or_default();
        Ok((krate, digest_of(project, krate, changes)?))
    };
    crates.into_iter().map(digest).collect()
}

fn inputs(pin: &Pin, changes: &[Change]) -> BTreeMap<String, String> {
    let slugs: Vec<&str> = changes.iter().map(|change| change.slug.as_str()).collect();
    let mut inputs = BTreeMap::from([
        ("the layout".to_owned(), LAYOUT.to_owned()),
        (format!("{}.crate", pin.krate), pin.checksum.clone()),
        (format!("patch/{}/series", pin.krate), slugs.join(" ")),
    ]);
    for change in changes {
        let mut add = |file: &str, bytes: &[u8]| {
            let name = format!("patch/{}/{file}", change.name());
            inputs.insert(name, format!("{:x}", Sha256::digest(bytes)));
        };
        add(change::FACTS, change.text.as_bytes());
        if !change.hooks.is_empty() {
            add(change::HOOKS, change.hooks.as_bytes());
        }
        for (file, bytes) in &change.files {
            add(file, bytes);
        }
    }
    inputs
}

fn stale_because(dir: &Path, inputs: &BTreeMap<String, String>) -> Option<String> {
    if !dir.exists() {
        return Some("not assembled yet".into());
    }
    let Some(stamp) = read_stamp(dir) else {
        return Some("no stamp of what it was made from".into());
    };
    match &differing(inputs, &stamp.inputs)[..] {
        [] => None,
        [name] => Some(format!("{name} changed")),
        [name, ..] => Some(format!("{name} and others changed")),
    }
}

/// The names that stand for something else on the two sides, or on one alone.
fn differing(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differs = |name: &&String| a.get(*name) != b.get(*name);
    names.into_iter().filter(differs).cloned().collect()
}

/// Whether something stands there that has no stamp of ours.
fn is_foreign(dir: &Path) -> bool {
    dir.exists() && read_stamp(dir).is_none()
}

/// What stands among the assembled crates and `patch/` does not know, or no longer.
fn leftovers(project: &Project, crates: &[String], discard: bool) -> Result<Vec<PathBuf>> {
    let mut gone = Vec::new();
    for line in project.lines() {
        gone.extend(leftovers_of(line, project, crates, discard)?);
    }
    Ok(gone)
}

fn leftovers_of(
    line: &Line,
    project: &Project,
    crates: &[String],
    discard: bool,
) -> Result<Vec<PathBuf>> {
    let patched = line.patched();
    let mut gone = Vec::new();
    if !patched.exists() {
        return Ok(gone);
    }
    for entry in fs::read_dir(&patched).on("cannot read", &patched)? {
        let entry = entry.on("cannot read", &patched)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let dir = entry.path();
        if crates.contains(&name) && project.patched_dir(&name) == dir {
            continue;
        }
        let lost = match hand_edits(&dir)? {
            _ if discard => None,
            Some(edits) => Some(format!("has edits ({edits}), and patch/{name} is gone")),
            None => is_foreign(&dir).then(|| "was not made by `assemble`".into()),
        };
        if let Some(what) = lost {
            let place = line.shown(&dir);
            return Err(Error::NotOurs { place, what });
        }
        gone.push(dir);
    }
    Ok(gone)
}

/// The right to change `patched/`: one process at a time. It ends with the process, however that ends.
struct Lock {
    _file: fs::File,
}

impl Lock {
    fn take(project: &Project, mut tell: impl FnMut(&str)) -> Result<Self> {
        let path = project.scratch("assemble")?.join("lock");
        let file = fs::File::create(&path).on("cannot make", &path)?;
        if file.try_lock().is_err() {
            tell("waiting for another `cargo fork` to end");
            file.lock().on("cannot lock", &path)?;
        }
        remove_abandoned(project)?;
        Ok(Lock { _file: file })
    }

    /// A folder beside `patched/`, so that a rename puts in place what is made there.
    fn stage(self, project: &Project) -> Result<Staging> {
        let folder = tempfile::Builder::new()
            .prefix(STAGING)
            .tempdir_in(project.root())
            .on("cannot make a staging folder in", project.root())?;
        Ok(Staging {
            folder,
            _lock: self,
        })
    }
}

/// A staging folder; it goes with the value, and the lock after it.
struct Staging {
    folder: tempfile::TempDir,
    _lock: Lock,
}

impl Staging {
    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Staging folders of runs that were killed. Only who holds the lock has a living one.
fn remove_abandoned(project: &Project) -> Result<()> {
    let root = project.root();
    for entry in fs::read_dir(root).on("cannot read", root)? {
        let entry = entry.on("cannot read", root)?;
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            fs::remove_dir_all(entry.path()).on("cannot delete", &entry.path())?;
        }
    }
    Ok(())
}

/// From where to where the crates go that were made; unchanged files in them get the times of those that go.
fn moves(project: &Project, staging: &Staging, made: &[&str]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut moves = Vec::new();
    for krate in made {
        let patched = project.line_of(krate).patched();
        fs::create_dir_all(&patched).on("cannot make", &patched)?;
        let (from, to) = (staging.path().join(krate), patched.join(krate));
        keep_times(&to, &from)?;
        moves.push((from, to));
    }
    Ok(moves)
}

/// Renames what is staged into place, takes away what is gone, and does the rest. Where any of it fails, all that stood
/// there is put back.
fn put_in_place<T>(
    staging: &Staging,
    moves: &[(PathBuf, PathBuf)],
    gone: &[PathBuf],
    rest: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut done: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut rename = |from: PathBuf, to: &Path| {
        fs::rename(&from, to).on("cannot put in place", to)?;
        done.push((from, to.to_owned()));
        Ok(())
    };
    let mut all = || {
        let new = moves.iter().map(|(from, to)| (Some(from), to));
        let places = new.chain(gone.iter().map(|place| (None, place)));
        for (nth, (from, place)) in places.enumerate() {
            if place.exists() {
                rename(place.clone(), &staging.path().join(format!("old-{nth}")))?;
            }
            if let Some(from) = from {
                rename(from.clone(), place)?;
            }
        }
        Ok(())
    };
    let outcome = all().and_then(|()| rest());
    if outcome.is_err() {
        for (from, to) in done.into_iter().rev() {
            // The first error is the one worth telling.
            let _ = fs::rename(to, from);
        }
    }
    outcome
}

/// Files that did not change keep their time, so that cargo does not build them again.
fn keep_times(old: &Path, new: &Path) -> Result<()> {
    for file in change::files_below(new)? {
        if file.starts_with(".git/") {
            continue;
        }
        let (old, new) = (old.join(&file), new.join(&file));
        let same = matches!((fs::read(&old), fs::read(&new)), (Ok(a), Ok(b)) if a == b);
        if let (true, Ok(time)) = (same, fs::metadata(&old).and_then(|data| data.modified())) {
            let handle = fs::File::open(&new).on("cannot open", &new)?;
            handle
                .set_modified(time)
                .on("cannot set the time of", &new)?;
        }
    }
    Ok(())
}

/// Lets the locks of the workspaces take up dependencies that a change adds, and names those that did; every other version
/// in them stays.
fn update_locks(project: &Project, made: &[&str]) -> Result<Vec<String>> {
    let mut updated = Vec::new();
    for line in project.lines() {
        let of_line = |krate: &&str| project.is_of(krate, line);
        let made: Vec<&str> = made.iter().copied().filter(of_line).collect();
        if update_lock(project, line, &made)? {
            updated.push(line.shown(&line.lock()));
        }
    }
    Ok(updated)
}

fn update_lock(project: &Project, line: &Line, made: &[&str]) -> Result<bool> {
    if !line.lock().is_file() || !line.manifest().is_file() {
        return Ok(false);
    }
    let locked = pin::read_lock(&line.lock())?;
    let lacks = |krate: &&str| {
        let (name, version) = split_name(krate).unwrap_or((krate, ""));
        let entry = locked
            .iter()
            .find(|package| package.name == name && package.version == version);
        let Some(entry) = entry else { return true };
        let known = |wanted: &String| {
            entry
                .dependencies
                .iter()
                .any(|there| there.split(' ').next() == Some(wanted))
        };
        !manifest_dependencies(&project.patched_dir(krate))
            .iter()
            .all(known)
    };
    if !made.iter().any(lacks) {
        return Ok(false);
    }
    process::complete_lock(&line.manifest())?;
    Ok(true)
}

/// The packages that a manifest depends on and a lock must name. Optional ones and those for one platform are in a lock too.
fn manifest_dependencies(dir: &Path) -> Vec<String> {
    let Ok(manifest) = fs::read_to_string(dir.join("Cargo.toml"))
        .unwrap_or_default()
        .parse::<toml::Table>()
    else {
        return Vec::new();
    };
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table());
    let name = |(key, value): (&String, &toml::Value)| {
        let renamed = value.get("package").and_then(toml::Value::as_str);
        renamed.unwrap_or(key).to_owned()
    };
    tables.flatten().map(name).collect()
}

fn read_stamp(dir: &Path) -> Option<Stamp> {
    serde_json::from_slice(&fs::read(dir.join(STAMP)).ok()?).ok()
}

fn write_stamp(dir: &Path, stamp: &Stamp) -> Result<()> {
    let path = dir.join(STAMP);
    let text =
        serde_json::to_string_pretty(stamp).map_err(|error| Error::malformed(&path, error))?;
    fs::write(&path, text).on("cannot write", &path)
}
