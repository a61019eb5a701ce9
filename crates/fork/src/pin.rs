//! The pin: which upstream crates we lay our changes over, and that what cargo fetched is what the pin names.
//!
//! Cargo checks a `.crate` when it downloads it, and never what it unpacked from it. So the `.crate` in cargo's cache is
//! hashed here each time it is used, and unpacked from there.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::IoContext;
use crate::process::{self, cargo};
use crate::project::{Line, Project, split_name, stays_inside};
use crate::{Error, Result};

/// One published crate, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// `<crate>-<version>`, the name of its folder here and of its `.crate` in cargo's cache.
    pub krate: String,
    /// SHA-256 of the `.crate`, in hex.
    pub checksum: String,
}

/// A package as a `Cargo.lock` names it.
#[derive(Debug, Clone, Deserialize)]
pub struct LockedPackage {
    pub name: String,
    pub version: String,
    pub checksum: Option<String>,
    #[serde(default)]
    pub dependencies: Vec<String>,
}

/// The packages that a `Cargo.lock` names.
pub fn read_lock(path: &Path) -> Result<Vec<LockedPackage>> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<LockedPackage>,
    }
    let text = fs::read_to_string(path).on("cannot read", path)?;
    let lock: Lock =
        toml::from_str(&text).map_err(|error| Error::malformed_toml(path, &text, &error))?;
    Ok(lock.package)
}

/// What the pin says about each of `crates`.
///
/// # Errors
/// [`Error::NotPinned`] for the first that the lock does not name with this version and a checksum.
pub fn pins(project: &Project, crates: &[String]) -> Result<Vec<Pin>> {
    let mut locked = Vec::new();
    for line in project.lines() {
        locked.extend(read_lock(&line.pin_lock())?);
    }
    let pin = |krate: &String| {
        let (name, version) = split_name(krate).unwrap_or((krate, ""));
        locked
            .iter()
            .find(|package| package.name == name && package.version == version)
            .and_then(|package| package.checksum.clone())
            .map(|checksum| Pin {
                krate: krate.clone(),
                checksum,
            })
            .ok_or_else(|| Error::NotPinned {
                krate: krate.clone(),
                locks: lock_names(project),
            })
    };
    crates.iter().map(pin).collect()
}

/// The bytes of each pinned `.crate`, checked. Asks cargo to fetch where one is not in its cache.
///
/// # Errors
/// [`Error::Fetch`] where cargo cannot, [`Error::Tampered`] where a file is not what the pin names.
pub fn fetch(project: &Project, pins: &[Pin]) -> Result<Vec<Vec<u8>>> {
    for line in project.lines() {
        let missing: Vec<&str> = pins
            .iter()
            .filter(|pin| cached(pin).is_empty() && project.is_of(&pin.krate, line))
            .map(|pin| pin.krate.as_str())
            .collect();
        if missing.is_empty() {
            continue;
        }
        let mut command = cargo();
        command
            .args(["fetch", "--quiet", "--locked", "--manifest-path"])
            .arg(line.pin_manifest());
        let output = process::run(&mut command)?;
        if !output.status.success() {
            return Err(Error::Fetch {
                crates: missing.join(", "),
                said: process::last_words(&output),
            });
        }
    }
    pins.iter().map(read_checked).collect()
}

/// Unpacks a `.crate` so that the files of the package stand in `into`.
pub fn unpack(krate: &str, bytes: &[u8], into: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    // The archive's times lie years back: cargo would not see that a file is another than the one it built.
    archive.set_preserve_mtime(false);
    for entry in archive.entries().on("cannot unpack", into)? {
        let mut entry = entry.on("cannot unpack", into)?;
        let path = entry.path().on("cannot unpack", into)?.into_owned();
        // What cargo packs stands under `<crate>-<version>/`.
        let Ok(inner) = path.strip_prefix(krate) else {
            return Err(Error::malformed(
                &path,
                format!("not under {krate}/ in its own archive"),
            ));
        };
        let target = into.join(inner);
        if !stays_inside(inner) {
            return Err(Error::malformed(
                &path,
                "leaves the folder of its own archive",
            ));
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).on("cannot make", parent)?;
        }
        entry.unpack(&target).on("cannot unpack", &target)?;
    }
    Ok(())
}

/// The bytes of a `.crate` in cargo's cache, if they are the ones that the pin names.
pub fn read_checked(pin: &Pin) -> Result<Vec<u8>> {
    let mut mismatch = None;
    // Cargo keeps a folder a registry; any whose file has the right digest will do.
    for path in cached(pin) {
        let bytes = fs::read(&path).on("cannot read", &path)?;
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found == pin.checksum {
            return Ok(bytes);
        }
        mismatch = Some(Error::Tampered {
            path,
            expected: pin.checksum.clone(),
            found,
        });
    }
    Err(mismatch.unwrap_or_else(|| Error::Fetch {
        crates: pin.krate.clone(),
        said: "it is fetched, but not in cargo's registry cache".into(),
    }))
}

/// Whether cargo has it, whatever it is.
pub fn is_cached(pin: &Pin) -> bool {
    !cached(pin).is_empty()
}

/// The locks that may name a crate, as messages say them.
fn lock_names(project: &Project) -> String {
    let name = |line: &Line| line.shown(&line.pin_lock());
    let names: Vec<String> = project.whole().lines().iter().map(name).collect();
    names.join(" or ")
}

fn cached(pin: &Pin) -> Vec<PathBuf> {
    let Ok(home) = home::cargo_home() else {
        return Vec::new();
    };
    let Ok(registries) = fs::read_dir(home.join("registry/cache")) else {
        return Vec::new();
    };
    registries
        .flatten()
        .map(|registry| registry.path().join(format!("{}.crate", pin.krate)))
        .filter(|path| path.is_file())
        .collect()
}
