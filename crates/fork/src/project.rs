//! A checkout of Evergreen: where things stand in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use crate::error::IoContext;
use crate::{Error, Result, pin, process};

/// What is said of a line once and for all.
#[derive(Debug)]
struct Place {
    name: &'static str,
    /// The folder of its workspace, from the root of the checkout.
    home: &'static str,
    /// The folder of its pin.
    pin: &'static str,
    /// The package of its workload, whose binary is called after it and the side that it is built on.
    workload: &'static str,
    /// The folder of that package, from the root of the checkout.
    workload_dir: &'static str,
    /// Whether crates of it state a newer Rust than they are built with here; cargo then has to be told not to mind.
    states_newer_rust: bool,
}

/// The first is the one that is meant where none is named. Cargo refuses two members of one name in a workspace, so the
/// others have a workspace of their own.
const LINES: [Place; 2] = [
    Place {
        name: "seed",
        home: "",
        pin: "patch/upstream",
        workload: "churn",
        workload_dir: "crates/churn",
        states_newer_rust: false,
    },
    Place {
        name: "newest",
        home: "newest",
        pin: "newest/upstream",
        workload: "newest-churn",
        workload_dir: "newest/churn",
        states_newer_rust: true,
    },
];

/// What stands for every line where one is to be named.
pub const EVERY_LINE: &str = "all";

/// Releases that are built together: a workspace over the assembled crates, and a pin, which builds on the published ones.
#[derive(Debug, Clone)]
pub struct Line {
    place: &'static Place,
    checkout: PathBuf,
    /// What the pin's lock names, as `<crate>-<version>`; read when it is asked for.
    locked: Arc<OnceLock<BTreeSet<String>>>,
}

impl Line {
    pub fn name(&self) -> &'static str {
        self.place.name
    }

    /// The folder of its workspace.
    pub fn root(&self) -> PathBuf {
        self.checkout.join(self.place.home)
    }

    /// The workspace's manifest: the one with the `[patch]` table.
    pub fn manifest(&self) -> PathBuf {
        self.root().join("Cargo.toml")
    }

    /// The workspace's lock.
    pub fn lock(&self) -> PathBuf {
        self.root().join("Cargo.lock")
    }

    /// The package that pins and builds the untouched side.
    pub fn pin_manifest(&self) -> PathBuf {
        self.checkout.join(self.place.pin).join("Cargo.toml")
    }

    /// The one place where the versions and checksums of its published crates stand.
    pub fn pin_lock(&self) -> PathBuf {
        self.checkout.join(self.place.pin).join("Cargo.lock")
    }

    /// Where its assembled crates stand.
    pub fn patched(&self) -> PathBuf {
        self.root().join("patched")
    }

    /// Whether it is the one that is meant where none is named.
    pub fn is_first(&self) -> bool {
        self.place.home.is_empty()
    }

    /// How a command line names it, behind a blank; nothing for the first.
    pub fn flag(&self) -> String {
        match self.is_first() {
            true => String::new(),
            false => format!(" --line {}", self.name()),
        }
    }

    /// The package of its workload.
    pub fn workload(&self) -> &'static str {
        self.place.workload
    }

    /// The folder of that package.
    pub fn workload_dir(&self) -> PathBuf {
        self.checkout.join(self.place.workload_dir)
    }

    /// Where cargo builds what is of this line. Each has a folder of its own, as `.cargo/config.toml` of its workspace says:
    /// crates that are also made for C have one name in both.
    pub fn target_dir(&self) -> PathBuf {
        let target = self.checkout.join("target");
        match self.is_first() {
            true => target,
            false => target.join(self.name()),
        }
    }

    /// A path as messages say it: from the root of the checkout.
    pub fn shown(&self, path: &Path) -> String {
        let inner = path.strip_prefix(&self.checkout).unwrap_or(path);
        inner.display().to_string()
    }

    /// `cargo <verb>` in its workspace, with the lock as it is.
    pub fn cargo(&self, verb: &str) -> Command {
        self.told(process::cargo(), verb)
    }

    /// The same by another cargo.
    pub fn told(&self, mut cargo: Command, verb: &str) -> Command {
        cargo.current_dir(self.root()).args([verb, "--locked"]);
        cargo.args(self.build_flags());
        cargo
    }

    /// What every cargo command that builds its crates is told.
    pub fn build_flags(&self) -> &'static [&'static str] {
        match self.place.states_newer_rust {
            true => &["--ignore-rust-version"],
            false => &[],
        }
    }

    /// A lock that cannot be read names nothing here; who needs its checksums says what is wrong with it.
    fn pins(&self, krate: &str) -> bool {
        let locked = self.locked.get_or_init(|| {
            let packages = pin::read_lock(&self.pin_lock()).unwrap_or_default();
            let name =
                |package: &pin::LockedPackage| format!("{}-{}", package.name, package.version);
            packages.iter().map(name).collect()
        });
        locked.contains(krate)
    }
}

/// A checkout of Evergreen, and which of its lines are meant. Cheap to clone; holds paths and names.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    every: Vec<Line>,
    meant: Vec<Line>,
}

impl Project {
    /// Finds the checkout that `start` stands in; all its lines are meant.
    ///
    /// # Errors
    /// [`Error::Usage`] where neither `start` nor a folder above it is one.
    pub fn discover(start: &Path) -> Result<Self> {
        let start = start.canonicalize().on("cannot find", start)?;
        let root = start
            .ancestors()
            .find(|folder| folder.join(LINES[0].pin).join("Cargo.toml").is_file())
            .ok_or_else(|| {
                Error::Usage(format!(
                    "{}: not in a checkout of Evergreen (no {}/Cargo.toml here or above); run from its root",
                    start.display(),
                    LINES[0].pin
                ))
            })?;
        let line = |place: &'static Place| Line {
            place,
            checkout: root.to_owned(),
            locked: Arc::default(),
        };
        let mut every: Vec<Line> = LINES.iter().map(line).collect();
        every.retain(|line| line.pin_manifest().is_file());
        Ok(Project {
            root: root.to_owned(),
            meant: every.clone(),
            every,
        })
    }

    /// The checkout as a command means it: the line of `krate` where a crate is named, else the line named, else the first.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no such line, or not one such crate.
    pub fn meant(&self, line: Option<&str>, krate: Option<&str>) -> Result<Self> {
        let meant = match (line, krate) {
            (Some(EVERY_LINE), _) | (None, Some(_)) => self.every.clone(),
            (Some(name), _) => vec![self.find_line(name)?],
            (None, None) => self.every[..1].to_vec(),
        };
        let project = Project {
            meant,
            ..self.clone()
        };
        Ok(match krate {
            Some(name) => project.of(&project.find_crate(name)?),
            None => project,
        })
    }

    /// The checkout with the line of a crate alone.
    pub fn of(&self, krate: &str) -> Self {
        Project {
            meant: vec![self.line_of(krate).clone()],
            ..self.clone()
        }
    }

    /// The checkout with the lines of some crates alone.
    pub fn of_all<'a>(&self, crates: impl IntoIterator<Item = &'a String>) -> Self {
        let names: BTreeSet<&str> = crates
            .into_iter()
            .map(|krate| self.line_of(krate).name())
            .collect();
        let mut meant = self.every.clone();
        meant.retain(|line| names.contains(line.name()));
        Project {
            meant,
            ..self.clone()
        }
    }

    /// The checkout with all its lines.
    pub fn whole(&self) -> Self {
        Project {
            meant: self.every.clone(),
            ..self.clone()
        }
    }

    /// The root of the checkout, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The lines that are meant; one at least.
    pub fn lines(&self) -> &[Line] {
        &self.meant
    }

    /// The line that a crate, given as `<crate>-<version>`, belongs to: the first whose pin names it. One that no pin names
    /// counts to the first line, where it is missed.
    pub fn line_of(&self, krate: &str) -> &Line {
        match &self.every[..] {
            [only] => only,
            every => every
                .iter()
                .find(|line| line.pins(krate))
                .unwrap_or(&every[0]),
        }
    }

    /// Whether a crate, given as `<crate>-<version>`, belongs to a line.
    pub fn is_of(&self, krate: &str, line: &Line) -> bool {
        self.line_of(krate).name() == line.name()
    }

    /// What we wrote for a crate, given as `<crate>-<version>`.
    pub fn patch_dir(&self, krate: &str) -> PathBuf {
        self.root.join("patch").join(krate)
    }

    /// Where one assembled crate stands.
    pub fn patched_dir(&self, krate: &str) -> PathBuf {
        self.line_of(krate).patched().join(krate)
    }

    /// The same as messages say it: from the root of the checkout.
    pub fn patched_name(&self, krate: &str) -> String {
        self.line_of(krate).shown(&self.patched_dir(krate))
    }

    /// Scratch space of the tool, made when asked for.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join("target/fork").join(name);
        fs::create_dir_all(&dir).on("cannot make", &dir)?;
        Ok(dir)
    }

    /// The crates of the lines that are meant, as `<crate>-<version>`, in order of name: a folder under `patch/` each.
    pub fn crates(&self) -> Result<Vec<String>> {
        let dir = self.root.join("patch");
        let mut crates = Vec::new();
        for entry in fs::read_dir(&dir).on("cannot read", &dir)? {
            let entry = entry.on("cannot read", &dir)?;
            if entry.path().join("series").is_file() {
                crates.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        let is_meant = |krate: &String| self.meant.iter().any(|line| self.is_of(krate, line));
        crates.retain(is_meant);
        crates.sort();
        Ok(crates)
    }

    /// The one crate that `name` means: `<crate>-<version>`, or `<crate>` where only one version is known.
    ///
    /// # Errors
    /// [`Error::Usage`] that lists the crates there are.
    pub fn find_crate(&self, name: &str) -> Result<String> {
        let mut hits = Vec::from_iter(self.versions_of(name)?);
        if let [a, b, ..] = &hits[..] {
            return Err(Error::Usage(format!(
                "`{name}` is here in several versions: name it {a} or {b}, or its line with `--line {}` or `--line {}`",
                self.line_of(a).name(),
                self.line_of(b).name()
            )));
        }
        Ok(hits.swap_remove(0))
    }

    /// The crates that `name` means, one at least: `<crate>-<version>`, or `<crate>` in every version that is known.
    ///
    /// # Errors
    /// [`Error::Usage`] that lists the crates there are.
    pub fn versions_of(&self, name: &str) -> Result<BTreeSet<String>> {
        let crates = self.crates()?;
        let means = |krate: &&String| {
            krate.as_str() == name || split_name(krate).is_some_and(|(n, _)| n == name)
        };
        let hits: BTreeSet<String> = crates.iter().filter(means).cloned().collect();
        if hits.is_empty() {
            return Err(Error::Usage(format!(
                "no crate `{name}` here; expected one of: {}",
                crates.join(", ")
            )));
        }
        Ok(hits)
    }

    /// `name` resolved, or every crate where none is given.
    pub fn select(&self, name: Option<&str>) -> Result<Vec<String>> {
        match name {
            Some(name) => Ok(vec![self.find_crate(name)?]),
            None => self.crates(),
        }
    }

    fn find_line(&self, name: &str) -> Result<Line> {
        let line = self.every.iter().find(|line| line.name() == name);
        line.cloned().ok_or_else(|| {
            let names: Vec<&str> = self.every.iter().map(Line::name).collect();
            Error::Usage(format!(
                "no line `{name}` here; expected {} or {EVERY_LINE}",
                names.join(", ")
            ))
        })
    }
}

/// The crate as cargo's `--package` takes it: a graph may hold several versions of one name.
pub fn package_spec(krate: &str) -> String {
    let (name, version) = split_name(krate).unwrap_or((krate, ""));
    format!("{name}@{version}")
}

/// Whether a path, relative to some folder, stays in it.
pub fn stays_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Splits `<crate>-<version>` where the version begins.
pub fn split_name(krate: &str) -> Option<(&str, &str)> {
    krate
        .match_indices('-')
        .map(|(at, _)| (&krate[..at], &krate[at + 1..]))
        .find(|(_, version)| semver::Version::parse(version).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_folder_splits_at_its_version() {
        assert_eq!(
            split_name("iroh-quinn-proto-0.13.0"),
            Some(("iroh-quinn-proto", "0.13.0"))
        );
        assert_eq!(split_name("a-1.0.0-rc.1"), Some(("a", "1.0.0-rc.1")));
        assert_eq!(split_name("upstream"), None);
    }

    #[test]
    fn only_plain_relative_paths_stay_inside() {
        assert!(stays_inside(Path::new("src/lib.rs")));
        for path in ["", "../x", "src/../../x", "/etc/x"] {
            assert!(!stays_inside(Path::new(path)), "{path}");
        }
    }
}
