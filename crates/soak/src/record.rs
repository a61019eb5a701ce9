//! The folder that a run leaves: created once, written as the run goes, so that even a killed run keeps its samples.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::error::IoContext;
use crate::protocol::{Sample, Side};
use crate::{Error, Result};

/// How many runs may begin in one second with one seed.
const CLASHES_MAX: u32 = 100;

/// The folder of one run, and its open `samples.jsonl`.
#[derive(Debug)]
pub struct Record {
    id: String,
    dir: PathBuf,
    samples: File,
    failed: Option<Error>,
}

impl Record {
    /// Makes a new folder under `parent`, named by the time (UTC) and the seed. Two runs never share one.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn create(parent: &Path, now: SystemTime, seed: u64) -> Result<Self> {
        let (id, dir) = folder(parent, now, &format!("seed{seed}"))?;
        let path = dir.join("samples.jsonl");
        let samples = File::create_new(&path).on("cannot make", &path)?;
        Ok(Self {
            id,
            dir,
            samples,
            failed: None,
        })
    }

    /// The run's name: that of its folder.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a child's standard error goes. `look`: how often the side has been measured with it, from 1.
    pub fn log(&self, scenario: &str, side: Side, look: usize) -> PathBuf {
        let again = if look > 1 {
            format!("-{look}")
        } else {
            String::new()
        };
        self.dir
            .join(format!("stderr-{scenario}-{side}{again}.log"))
    }

    /// Removes a log in which nothing was said: an empty file would only be in the way.
    pub fn tidy(log: &Path) {
        if fs::metadata(log).is_ok_and(|log| log.len() == 0) {
            let _ = fs::remove_file(log);
        }
    }

    /// A new folder within the run's.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::create_dir(&path).on("cannot make", &path)?;
        Ok(path)
    }

    /// Appends one sample to `samples.jsonl`. A failure to write is kept for [`Record::check`]: the run goes on with
    /// what it has in memory.
    pub fn sample(&mut self, scenario: &str, side: Side, look: usize, sample: &Sample) {
        #[derive(Serialize)]
        struct Line<'a> {
            scenario: &'a str,
            side: Side,
            look: usize,
            #[serde(flatten)]
            sample: &'a Sample,
        }
        if self.failed.is_some() {
            return;
        }
        let line = Line {
            scenario,
            side,
            look,
            sample,
        };
        let written = serde_json::to_vec(&line)
            .map_err(io::Error::from)
            .and_then(|mut bytes| {
                bytes.push(b'\n');
                self.samples.write_all(&bytes)
            });
        self.failed = written
            .on("cannot write", &self.dir.join("samples.jsonl"))
            .err();
    }

    /// Writes a whole file, or nothing under that name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn file(&self, name: &str, contents: &str) -> Result<()> {
        let (path, aside) = (self.dir.join(name), self.dir.join(format!(".{name}.tmp")));
        fs::write(&aside, contents).on("cannot write", &aside)?;
        fs::rename(&aside, &path).on("cannot write", &path)
    }

    /// Whether every sample was written.
    ///
    /// # Errors
    /// The first [`Error::Io`] there was.
    pub fn check(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// A new folder under `parent`, and its name: the time (UTC) and what was run.
///
/// # Errors
/// [`Error::Io`] where it cannot be made.
pub fn folder(parent: &Path, now: SystemTime, what: &str) -> Result<(String, PathBuf)> {
    fs::create_dir_all(parent).on("cannot make", parent)?;
    make(parent, &format!("{}-{what}", stamp(now)))
}

/// A folder that was not there before.
fn make(parent: &Path, id: &str) -> Result<(String, PathBuf)> {
    let mut name = id.to_owned();
    for clash in 2..=CLASHES_MAX {
        let dir = parent.join(&name);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                name = format!("{id}-{clash}")
            }
            made => return made.on("cannot make", &dir).map(|()| (name, dir)),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists)).on("cannot make", &parent.join(id))
}

/// `20260131T235959Z`: sorts by time and fits every file system.
fn stamp(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now)
        .to_string()
        .replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn two_runs_in_one_second_get_two_folders() {
        let dir = tempfile::tempdir().unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_769_903_999);
        let first = Record::create(dir.path(), now, 7).unwrap();
        let second = Record::create(dir.path(), now, 7).unwrap();
        assert_eq!(first.id(), "20260131T235959Z-seed7");
        assert_eq!(second.id(), "20260131T235959Z-seed7-2");
    }

    #[test]
    fn a_sample_is_one_line_with_its_side_and_scenario() {
        let dir = tempfile::tempdir().unwrap();
        let mut record = Record::create(dir.path(), SystemTime::now(), 1).unwrap();
        let sample = Sample {
            elapsed_ms: 5,
            events: 10,
            heap_bytes: Some(4096),
            resident_bytes: None,
            fds: Some(3),
            sockets: None,
            threads: Some(1),
            tasks: None,
            stats: None,
        };
        record.sample("known-peers", Side::Patched, 1, &sample);
        let text = fs::read_to_string(record.dir().join("samples.jsonl")).unwrap();
        assert_eq!(
            text,
            "{\"scenario\":\"known-peers\",\"side\":\"patched\",\"look\":1,\"elapsed_ms\":5,\"events\":10,\
             \"heap_bytes\":4096,\"resident_bytes\":null,\"fds\":3,\"sockets\":null,\"threads\":1,\"tasks\":null}\n"
        );
        record.check().unwrap();
    }

    #[test]
    fn a_full_disk_is_reported_once_the_run_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut record = Record::create(dir.path(), SystemTime::now(), 1).unwrap();
        // Opened for reading only, every write to it fails.
        record.samples = File::open(record.dir().join("samples.jsonl")).unwrap();
        let sample: Sample = serde_json::from_str(r#"{"elapsed_ms":1,"events":0}"#).unwrap();
        record.sample("known-peers", Side::Patched, 1, &sample);
        let error = record.check().unwrap_err().to_string();
        assert!(error.starts_with("cannot write "), "{error}");
    }
}
