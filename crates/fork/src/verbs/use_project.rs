//! `cargo fork use`: points another project's `[patch.crates-io]` at the fork, and takes it back.
//!
//! Which line a project needs is read from what cargo would build of it: the line whose versions stand there. Where a project
//! has crates of two lines, as one that moves from the older to the newer may, both are patched.
//!
//! Cargo only warns about a patch that nothing uses, and then builds the untouched crate. So after the manifest is
//! written and the lock moved, cargo is asked what it would build, and anything but our crates puts everything back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};
use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use crate::change;
use crate::error::IoContext;
use crate::process::{self, cargo, output_of};
use crate::project::{Project, split_name};
use crate::verbs::assemble;
use crate::{Error, Result, assemble as assembly};

/// Where a project keeps what `--undo` puts back: manifest, lock, and [`STATE`].
const UNDO: &str = ".evergreen-undo";
/// What `--undo` needs to know beside the two files.
const STATE: &str = "state.json";

/// What `use` did to a project.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Undo {
    /// Whether there was a lock before.
    had_lock: bool,
    /// The crates that `--vendor` copied, and the folders it made around them (inner ones first), relative to the project.
    vendored: Vec<PathBuf>,
    around: Vec<PathBuf>,
    /// SHA-256 of manifest and lock as `use` left them. `None` until it has ended.
    left: Option<[String; 2]>,
}

/// Points the project at the crates of the fork that its graph contains and that have changes, or at those of `names` and
/// what their changes need. Of the lines that are meant, it takes those whose versions the graph contains.
///
/// # Errors
/// Everything that fails leaves manifest and lock as they were.
pub fn run(
    project: &Project,
    target: &Path,
    names: &[String],
    vendor: Option<&Path>,
) -> Result<()> {
    let target = find_target(target)?;
    match state(&target)? {
        Some(Undo { left: Some(_), .. }) => {
            return Err(Error::Usage(format!(
                "{0} uses the fork already; `cargo fork use {0} --undo` takes that back first",
                target.root.display()
            )));
        }
        Some(unfinished) => {
            println!(
                "{}: an earlier `use` was interrupted; what it had done is taken back",
                target.root.display()
            );
            put_back(&target, &unfinished)?;
        }
        None => {}
    }
    let mut undo = save(&target)?;
    let done = point(project, &target, names, vendor, &mut undo);
    if done.is_err() {
        put_back(&target, &undo)?;
    }
    done
}

/// Restores manifest and lock byte for byte, and deletes what `--vendor` copied.
pub fn undo(target: &Path) -> Result<()> {
    let target = find_target(target)?;
    let dir = target.undo_dir();
    let Some(undo) = state(&target)? else {
        return Err(Error::Usage(format!(
            "{}: nothing to undo: it does not use the fork",
            target.root.display()
        )));
    };
    let paths = [target.manifest(), target.lock()];
    for (path, left) in paths.iter().zip(undo.left.iter().flatten()) {
        if digest(path).ok().as_ref() != Some(left) {
            return Err(Error::Check(format!(
                "{} has changed since `use`; what it was before stands in {}: take your edits over by hand, then delete {}",
                path.display(),
                dir.display(),
                dir.display()
            )));
        }
    }
    put_back(&target, &undo)?;
    println!(
        "{}: Cargo.toml and Cargo.lock are as they were",
        target.root.display()
    );
    Ok(())
}

/// A user's project: the folder of its workspace root, locked for as long as this lives.
struct Target {
    root: PathBuf,
    _lock: File,
}

impl Target {
    fn manifest(&self) -> PathBuf {
        self.root.join("Cargo.toml")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("Cargo.lock")
    }

    fn undo_dir(&self) -> PathBuf {
        self.root.join(UNDO)
    }
}

/// Keeps manifest and lock as they are, before anything is done to them; [`STATE`] comes last.
fn save(target: &Target) -> Result<Undo> {
    let dir = target.undo_dir();
    fs::create_dir_all(&dir).on("cannot make", &dir)?;
    let ignore = dir.join(".gitignore");
    fs::write(&ignore, "*\n").on("cannot write", &ignore)?;
    let undo = Undo {
        had_lock: target.lock().exists(),
        ..Undo::default()
    };
    for path in [
        Some(target.manifest()),
        undo.had_lock.then(|| target.lock()),
    ]
    .into_iter()
    .flatten()
    {
        let copy = dir.join(path.file_name().unwrap_or_default());
        fs::copy(&path, &copy).on("cannot copy to", &copy)?;
    }
    note(target, &undo)?;
    Ok(undo)
}

/// What an earlier `use` noted; nothing where there was none, or none that came to do anything.
fn state(target: &Target) -> Result<Option<Undo>> {
    let path = target.undo_dir().join(STATE);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read(&path).on("cannot read", &path)?;
    let undo = serde_json::from_slice(&text).map_err(|error| Error::malformed(&path, error))?;
    Ok(Some(undo))
}

fn note(target: &Target, undo: &Undo) -> Result<()> {
    let path = target.undo_dir().join(STATE);
    let text = serde_json::to_vec_pretty(undo).map_err(|error| Error::malformed(&path, error))?;
    let aside = path.with_extension("tmp");
    fs::write(&aside, text).on("cannot write", &aside)?;
    fs::rename(&aside, &path).on("cannot write", &path)
}

fn put_back(target: &Target, undo: &Undo) -> Result<()> {
    let dir = target.undo_dir();
    let restore = |path: PathBuf| {
        let kept = dir.join(path.file_name().unwrap_or_default());
        let bytes = fs::read(&kept).on("cannot read", &kept)?;
        // What was not touched keeps its time, by which cargo tells what to build anew.
        match fs::read(&path).is_ok_and(|there| there == bytes) {
            true => Ok(()),
            false => fs::write(&path, bytes).on("cannot restore", &path),
        }
    };
    restore(target.manifest())?;
    if undo.had_lock {
        restore(target.lock())?;
    } else if target.lock().exists() {
        fs::remove_file(target.lock()).on("cannot delete", &target.lock())?;
    }
    for folder in &undo.vendored {
        let folder = target.root.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).on("cannot delete", &folder)?;
        }
    }
    for folder in &undo.around {
        // Where something else stands in it by now, it stays.
        let _ = fs::remove_dir(target.root.join(folder));
    }
    // First, since what is left of the folder without it counts for nothing.
    let state = dir.join(STATE);
    fs::remove_file(&state).on("cannot delete", &state)?;
    fs::remove_dir_all(&dir).on("cannot delete", &dir)
}

/// One crate that the project is pointed at.
struct Pointed {
    krate: String,
    name: String,
    version: Version,
    /// What the graph holds of it now.
    from: Version,
    /// Where it stands for the project.
    place: PathBuf,
}

impl Pointed {
    fn new(project: &Project, krate: String, from: Version) -> Result<Self> {
        let (name, version) = name_and_version(&krate)?;
        Ok(Pointed {
            name: name.to_owned(),
            version,
            from,
            place: project.patched_dir(&krate),
            krate,
        })
    }
}

fn find_target(folder: &Path) -> Result<Target> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Error::Usage(format!(
            "{}: no Cargo.toml there; name the folder of the project",
            folder.display()
        )));
    }
    let mut command = MetadataCommand::new();
    command.manifest_path(&manifest).no_deps();
    let metadata = process::metadata(&mut command).map_err(|said| {
        Error::Usage(format!(
            "{}: cargo cannot read it: {said}",
            manifest.display()
        ))
    })?;
    let root = metadata.workspace_root.clone().into_std_path_buf();
    let named = folder.canonicalize().on("cannot find", folder)?;
    if root.canonicalize().on("cannot find", &root)? != named {
        return Err(Error::Usage(format!(
            "{} is a member of a workspace, and [patch] counts only at its root: use {}",
            folder.display(),
            root.display()
        )));
    }
    let lock = File::open(&named).on("cannot open", &named)?;
    // Where a file system has no locks there is none.
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        return Err(Error::Usage(format!(
            "{}: another `cargo fork use` is at work there; wait until it has ended",
            named.display()
        )));
    }
    Ok(Target {
        root: named,
        _lock: lock,
    })
}

/// The checkout with the lines that the graph needs, and the crates of them to look for in it. Says which lines, and why.
fn wanted(
    project: &Project,
    metadata: &Metadata,
    names: &[String],
) -> Result<(Project, BTreeSet<String>)> {
    let all = change::all(project)?;
    let changed = |project: &Project| -> Result<BTreeSet<String>> {
        let all = change::all(project)?.into_iter();
        Ok(all.map(|change| change.krate).collect())
    };
    let asked = match names {
        [] => vec![changed(project)?],
        names => {
            let versions = names.iter().map(|name| project.versions_of(name));
            versions.collect::<Result<_>>()?
        }
    };
    let mut there = BTreeMap::new();
    for crates in &asked {
        let found = contained(metadata, crates)?;
        if found.is_empty() {
            return Err(unused(&absent(metadata, crates)));
        }
        there.extend(found);
    }
    let project = project.of_all(there.keys());
    for line in project.lines() {
        let of_line = there.iter().filter(|(krate, _)| project.is_of(krate, line));
        let found: Vec<String> = of_line
            .map(|(krate, version)| {
                format!(
                    "{} {version}",
                    split_name(krate).map_or("", |(name, _)| name)
                )
            })
            .collect();
        println!("line {}: the graph has {}", line.name(), found.join(", "));
    }
    let wanted = match names {
        [] => changed(&project)?,
        _ => {
            let named = all
                .iter()
                .filter(|change| there.contains_key(&change.krate));
            let needed = change::needed_crates(named, &all).into_iter();
            needed
                .map(str::to_owned)
                .chain(there.keys().cloned())
                .collect()
        }
    };
    Ok((project, wanted))
}

fn unused(absent: &str) -> Error {
    Error::Usage(format!(
        "the patch would be unused: the project's graph does not contain what the fork has: {absent}"
    ))
}

fn point(
    project: &Project,
    target: &Target,
    names: &[String],
    vendor: Option<&Path>,
    undo: &mut Undo,
) -> Result<()> {
    let metadata = graph(target)?;
    let (project, wanted) = wanted(project, &metadata, names)?;
    assemble::ensure(&project)?;
    let there = contained(&metadata, &wanted)?;
    let others: BTreeSet<String> = wanted
        .iter()
        .filter(|krate| !there.contains_key(*krate))
        .cloned()
        .collect();
    let absent = absent(&metadata, &others);
    if there.is_empty() || !names.is_empty() && !others.is_empty() {
        return Err(unused(&absent));
    }
    let mut pointed = there
        .into_iter()
        .map(|(krate, from)| Pointed::new(&project, krate, from))
        .collect::<Result<Vec<_>>>()?;
    check_conflicts(target, &pointed)?;
    if let Some(folder) = vendor {
        copy_crates(&project, target, &mut pointed, folder, undo)?;
    }
    write_manifest(target, &pointed, vendor.is_some())?;
    move_lock(target, &pointed)?;
    check_used(target, &pointed)?;
    undo.left = Some([digest(&target.manifest())?, digest(&target.lock())?]);
    note(target, undo)?;
    if !others.is_empty() {
        println!("left alone: {absent}");
    }
    for krate in &pointed {
        println!(
            "{} {} -> {}",
            krate.name,
            krate.version,
            krate.place.display()
        );
    }
    println!(
        "{}: uses {} of the fork's crates; `--undo` takes it back",
        target.root.display(),
        pointed.len()
    );
    Ok(())
}

/// Those of the crates that the graph contains in a version ours can stand in for, with that version.
fn contained(metadata: &Metadata, crates: &BTreeSet<String>) -> Result<BTreeMap<String, Version>> {
    let mut there = BTreeMap::new();
    for krate in crates {
        let (name, ours) = name_and_version(krate)?;
        let fits = |package: &&Package| {
            package.name.as_str() == name && compatible(&package.version, &ours)
        };
        if let Some(package) = metadata.packages.iter().find(fits) {
            there.insert(krate.clone(), package.version.clone());
        }
    }
    Ok(there)
}

/// What the graph contains instead of these crates, in words.
fn absent(metadata: &Metadata, crates: &BTreeSet<String>) -> String {
    let mut ours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in crates.iter().filter_map(|krate| split_name(krate)) {
        ours.entry(name).or_default().push(version);
    }
    let mut words = Vec::new();
    let mut missing = Vec::new();
    for (name, versions) in ours {
        let of_name = |package: &&Package| package.name.as_str() == name;
        match metadata.packages.iter().find(of_name) {
            Some(package) => words.push(format!(
                "{name} is {} there, and the fork has {}",
                package.version,
                versions.join(" and ")
            )),
            None => missing.push(name),
        }
    }
    match missing[..] {
        [] => {}
        [one] => words.push(format!("{one} is not there")),
        _ => words.push(format!("{} are not there", missing.join(", "))),
    }
    words.join("; ")
}

fn name_and_version(krate: &str) -> Result<(&str, Version)> {
    let (name, version) = split_name(krate).unwrap_or((krate, ""));
    let version =
        Version::parse(version).map_err(|error| Error::Check(format!("patch/{krate}: {error}")))?;
    Ok((name, version))
}

/// Whether cargo would let one version stand in for the other.
pub fn compatible(there: &Version, ours: &Version) -> bool {
    semver::Comparator {
        op: semver::Op::Caret,
        major: there.major,
        minor: Some(if there.major == 0 { there.minor } else { 0 }),
        patch: Some(if (there.major, there.minor) == (0, 0) {
            there.patch
        } else {
            0
        }),
        pre: semver::Prerelease::EMPTY,
    }
    .matches(ours)
}

fn check_conflicts(target: &Target, pointed: &[Pointed]) -> Result<()> {
    let document = read_manifest(target)?;
    for registry in ["crates-io", "https://github.com/rust-lang/crates.io-index"] {
        let Some(table) = document.get("patch").and_then(|patch| patch.get(registry)) else {
            continue;
        };
        for krate in pointed {
            if let Some(entry) = table.get(&krate.name) {
                return Err(Error::Usage(format!(
                    "{}: [patch.{registry}] has {} = {} already; take it out first",
                    target.manifest().display(),
                    krate.name,
                    entry.to_string().trim()
                )));
            }
        }
    }
    Ok(())
}

fn write_manifest(target: &Target, pointed: &[Pointed], vendored: bool) -> Result<()> {
    let mut document = read_manifest(target)?;
    let wrong = || Error::malformed(&target.manifest(), "[patch] is not a table");
    let patch = document.entry("patch").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let registry = patch
        .as_table_mut()
        .ok_or_else(wrong)?
        .entry("crates-io")
        .or_insert_with(|| Item::Table(Table::new()));
    let registry = registry.as_table_like_mut().ok_or_else(wrong)?;
    for (at, krate) in pointed.iter().enumerate() {
        let relative = pathdiff::diff_paths(&krate.place, &target.root)
            .filter(|_| vendored || shares_home(&krate.place, &target.root));
        let path = relative.unwrap_or_else(|| krate.place.clone());
        let mut entry = InlineTable::new();
        entry.insert("path", path.display().to_string().into());
        let mut key = krate.name.clone();
        // Of two lines: cargo wants a key of its own for the second.
        if pointed[..at].iter().any(|other| other.name == krate.name) {
            entry.insert("package", key.into());
            key = krate.krate.replace(['.', '+'], "_");
        }
        registry.insert(&key, value(entry));
    }
    fs::write(target.manifest(), document.to_string()).on("cannot write", &target.manifest())
}

/// Whether two places have a parent folder in common other than the root: then a relative path is worth having.
fn shares_home(a: &Path, b: &Path) -> bool {
    a.iter().zip(b.iter()).take_while(|(a, b)| a == b).count() > 1
}

/// Moves the lock to our versions, and nothing else in it. Without that an older lock would leave the patch unused.
fn move_lock(target: &Target, pointed: &[Pointed]) -> Result<()> {
    for krate in pointed {
        let locked = graph_lock(target)?;
        let here: Vec<&String> = locked.get(&krate.name).into_iter().flatten().collect();
        let from = here
            .iter()
            .find(|version| ***version == krate.from.to_string())
            .or(here.first());
        let Some(from) = from else { continue };
        let mut command = cargo();
        command.args([
            "update",
            "--quiet",
            "--precise",
            &krate.version.to_string(),
            "--package",
        ]);
        command
            .arg(format!("{}@{from}", krate.name))
            .current_dir(&target.root);
        output_of(&mut command)?;
    }
    Ok(())
}

/// The versions that the project's lock names, by crate.
fn graph_lock(target: &Target) -> Result<BTreeMap<String, Vec<String>>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in crate::pin::read_lock(&target.lock())? {
        versions
            .entry(package.name)
            .or_default()
            .push(package.version);
    }
    Ok(versions)
}

fn check_used(target: &Target, pointed: &[Pointed]) -> Result<()> {
    let metadata = graph(target)?;
    for krate in pointed {
        let place = krate.place.canonicalize().on("cannot find", &krate.place)?;
        let ours = |package: &&Package| {
            package.name.as_str() == krate.name
                && package.manifest_path.parent().is_some_and(|dir| {
                    dir.as_std_path()
                        .canonicalize()
                        .is_ok_and(|dir| dir == place)
                })
        };
        if !metadata.packages.iter().any(|package| ours(&package)) {
            return Err(Error::Check(format!(
                "{}: cargo would not use our {} {}: something in the project asks for another version; nothing was changed",
                target.root.display(),
                krate.name,
                krate.version
            )));
        }
    }
    Ok(())
}

/// Copies the assembled crates into a folder of the project and points there. What is made is noted before it is made.
fn copy_crates(
    project: &Project,
    target: &Target,
    pointed: &mut [Pointed],
    folder: &Path,
    undo: &mut Undo,
) -> Result<()> {
    for krate in pointed.iter_mut() {
        let inner = folder.join(&krate.krate);
        krate.place = target.root.join(&inner);
        if krate.place.exists() {
            return Err(Error::Usage(format!(
                "{} is there already; delete it or name another folder",
                krate.place.display()
            )));
        }
        undo.vendored.push(inner);
    }
    let made = folder.ancestors().filter(|dir| !dir.as_os_str().is_empty());
    let made = made.take_while(|dir| !target.root.join(dir).exists());
    undo.around = made.map(Path::to_owned).collect();
    note(target, undo)?;
    for krate in pointed {
        assembly::copy_crate(&project.patched_dir(&krate.krate), &krate.place)?;
    }
    Ok(())
}

/// All that the project may build, whatever feature asks for it. Cargo completes the lock for that.
fn graph(target: &Target) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command
        .manifest_path(target.manifest())
        .current_dir(&target.root)
        .features(CargoOpt::AllFeatures);
    process::metadata(&mut command)
        .map_err(|said| Error::Check(format!("{}: cargo metadata: {said}", target.root.display())))
}

fn read_manifest(target: &Target) -> Result<DocumentMut> {
    let path = target.manifest();
    let text = fs::read_to_string(&path).on("cannot read", &path)?;
    text.parse()
        .map_err(|error: toml_edit::TomlError| Error::malformed(&path, error.message()))
}

fn digest(path: &Path) -> Result<String> {
    let bytes = fs::read(path).on("cannot read", path)?;
    Ok(format!("{:x}", Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_in_where_cargo_lets_it() {
        let version = |text| Version::parse(text).unwrap();
        assert!(compatible(&version("0.11.5"), &version("0.11.12")));
        assert!(compatible(&version("0.4.0"), &version("0.4.0")));
        assert!(!compatible(&version("0.10.0"), &version("0.11.12")));
        assert!(!compatible(&version("2.0.0"), &version("1.9.0")));
        assert!(compatible(&version("0.0.3"), &version("0.0.3")));
        assert!(!compatible(&version("0.0.3"), &version("0.0.4")));
    }
}
