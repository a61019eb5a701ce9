//! Records that are committed: what came of a check that takes hours, an entry a change, so that nobody does it again
//! before something changes. Each entry has a digest of what it is about.

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::IoContext;
use crate::{Error, Result};

/// The record in the file; an empty one where there is none.
///
/// # Errors
/// [`Error::Malformed`] where it is no such record, [`Error::Io`].
pub fn read<T: Default + DeserializeOwned>(path: &Path) -> Result<T> {
    if !path.exists() {
        return Ok(T::default());
    }
    let text = fs::read_to_string(path).on("cannot read", path)?;
    toml::from_str(&text).map_err(|error| Error::malformed_toml(path, &text, &error))
}

/// Puts a record in the place of the one in the file, whole or not at all, under `head`: comments that say what it is.
///
/// # Errors
/// [`Error::Io`]; the file is as it was then.
pub fn write(path: &Path, head: &str, record: &impl Serialize) -> Result<()> {
    let text = toml::to_string(record).map_err(|error| Error::malformed(path, error))?;
    let aside = path.with_extension("toml.tmp");
    fs::write(&aside, format!("{head}\n{text}")).on("cannot write", &aside)?;
    fs::rename(&aside, path).on("cannot write", path)
}

/// Edits the record in the file as it is now, and gives it back: another run may have written to it since this one read it,
/// or waits.
///
/// # Errors
/// As [`read`] and [`write`]; the file is as it was then.
pub fn update<T: Default + DeserializeOwned + Serialize>(
    path: &Path,
    head: &str,
    edit: impl FnOnce(&mut T),
) -> Result<T> {
    // The file itself is replaced, so its folder is what is locked.
    let folder = path.parent().unwrap_or(path);
    let held = File::open(folder).on("cannot read", folder)?;
    held.lock().on("cannot lock", folder)?;
    let mut record = read(path)?;
    edit(&mut record);
    write(path, head, &record)?;
    Ok(record)
}

/// A digest for an entry: short enough to stand in a file that people read.
pub fn digest(inputs: &str) -> String {
    let mut digest = format!("{:x}", Sha256::digest(inputs));
    digest.truncate(16);
    digest
}

/// The day for an entry, `YYYY-MM-DD`.
pub fn today() -> String {
    let mut now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.truncate("YYYY-MM-DD".len());
    now
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("looked.toml");
        let mut record = BTreeMap::<String, Vec<String>>::new();
        assert_eq!(
            read::<BTreeMap<String, Vec<String>>>(&path).unwrap(),
            record
        );
        record.insert("a-1.0.0/b".into(), vec!["left: \"1\"".into()]);
        write(&path, "# What it is.\n", &record).unwrap();
        assert_eq!(
            read::<BTreeMap<String, Vec<String>>>(&path).unwrap(),
            record
        );
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .starts_with("# What it is.\n\n")
        );
        fs::write(&path, "a = 5").unwrap();
        assert!(read::<BTreeMap<String, Vec<String>>>(&path).is_err());
    }

    #[test]
    fn runs_that_write_at_the_same_time_lose_no_entry() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("looked.toml");
        std::thread::scope(|scope| {
            for run in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for entry in 0..8 {
                        let insert = |record: &mut BTreeMap<String, u32>| {
                            record.insert(format!("{run}-{entry}"), entry);
                        };
                        update(path, "", insert).unwrap();
                    }
                });
            }
        });
        let record: BTreeMap<String, u32> = read(&path).unwrap();
        assert_eq!(record.len(), 64);
    }
}
