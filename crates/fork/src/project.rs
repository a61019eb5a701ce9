//! A checkout of Evergreen: where things stand in it.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::IoContext;
use crate::{Error, Result};

/// A checkout of Evergreen. Cheap to clone; holds paths alone.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// Finds the checkout that `start` stands in.
    ///
    /// # Errors
    /// [`Error::Usage`] where neither `start` nor a folder above it is one.
    pub fn discover(start: &Path) -> Result<Self> {
        let start = start.canonicalize().on("cannot find", start)?;
        start
            .ancestors()
            .find(|folder| folder.join("patch/upstream/Cargo.toml").is_file())
            .map(|root| Project { root: root.into() })
            .ok_or_else(|| {
                Error::Usage(format!(
                    "{}: not in a checkout of Evergreen (no patch/upstream/Cargo.toml here or above); run from its root",
                    start.display()
                ))
            })
    }

    /// The root of the checkout, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The root workspace's manifest: the one with the `[patch]` table.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("Cargo.toml")
    }

    /// The root workspace's lock.
    pub fn lock(&self) -> PathBuf {
        self.root.join("Cargo.lock")
    }

    /// The package that pins and builds the untouched side.
    pub fn pin_manifest(&self) -> PathBuf {
        self.root.join("patch/upstream/Cargo.toml")
    }

    /// The one place where upstream's versions and checksums stand.
    pub fn pin_lock(&self) -> PathBuf {
        self.root.join("patch/upstream/Cargo.lock")
    }

    /// What we wrote for a crate, given as `<crate>-<version>`.
    pub fn patch_dir(&self, krate: &str) -> PathBuf {
        self.root.join("patch").join(krate)
    }

    /// Where the assembled crates stand.
    pub fn patched(&self) -> PathBuf {
        self.root.join("patched")
    }

    /// Where one assembled crate stands.
    pub fn patched_dir(&self, krate: &str) -> PathBuf {
        self.patched().join(krate)
    }

    /// Scratch space of the tool, made when asked for.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join("target/fork").join(name);
        fs::create_dir_all(&dir).on("cannot make", &dir)?;
        Ok(dir)
    }

    /// The crates that the fork knows, as `<crate>-<version>`, in order of name: a folder under `patch/` each.
    pub fn crates(&self) -> Result<Vec<String>> {
        let dir = self.root.join("patch");
        let mut crates = Vec::new();
        for entry in fs::read_dir(&dir).on("cannot read", &dir)? {
            let entry = entry.on("cannot read", &dir)?;
            if entry.path().join("series").is_file() {
                crates.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        crates.sort();
        Ok(crates)
    }

    /// The one crate that `name` means: `<crate>-<version>`, or `<crate>` where only one version is known.
    ///
    /// # Errors
    /// [`Error::Usage`] that lists the crates there are.
    pub fn find_crate(&self, name: &str) -> Result<String> {
        let crates = self.crates()?;
        let mut hits = crates.iter().filter(|krate| {
            krate.as_str() == name || split_name(krate).is_some_and(|(n, _)| n == name)
        });
        match (hits.next(), hits.next()) {
            (Some(hit), None) => Ok(hit.clone()),
            _ => Err(Error::Usage(format!(
                "no crate `{name}` here; expected one of: {}",
                crates.join(", ")
            ))),
        }
    }

    /// `name` resolved, or every crate where none is given.
    pub fn select(&self, name: Option<&str>) -> Result<Vec<String>> {
        match name {
            Some(name) => Ok(vec![self.find_crate(name)?]),
            None => self.crates(),
        }
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
