//! What the verdict was measured with: digests of the binaries, and facts about the machine.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::IoContext;
use crate::network::Network;
use crate::{Error, Result};

/// The machine that a run was made on. What it does not tell is missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Host {
    pub os: &'static str,
    pub arch: &'static str,
    pub kernel: Option<String>,
    pub processor: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<usize>,
    /// Memory of the machine, in KiB.
    pub memory_kib: Option<u64>,
    /// Processes that wanted a core in the minute before, on average: what else was going on.
    pub load_before: Option<f64>,
    /// What the workloads could reach.
    pub network: Network,
}

impl Host {
    /// This machine as it is now, and the network that the workloads run on.
    pub fn here(network: Network) -> Self {
        Self {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .ok()
                .map(|text| text.trim().to_owned()),
            cores: thread::available_parallelism().ok().map(Into::into),
            memory_kib: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| total_kib(&text)),
            processor: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| processor(&text)),
            load_before: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split_whitespace().next()?.parse().ok()),
            network,
        }
    }
}

/// The SHA-256 of a file's contents, in hexadecimal.
///
/// # Errors
/// [`Error::Io`] where it cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).on("cannot read", path)?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher).on("cannot read", path)?;
    Ok(format!("{:x}", hasher.finalize()))
}

/// The digests of both sides.
///
/// # Errors
/// [`Error::SameBinary`] where they are equal: a comparison of a binary with itself would show nothing.
pub fn digests(upstream: &Path, patched: &Path) -> Result<(String, String)> {
    let (left, right) = (digest(upstream)?, digest(patched)?);
    if left == right {
        return Err(Error::SameBinary {
            digest: left,
            upstream: upstream.into(),
            patched: patched.into(),
        });
    }
    Ok((left, right))
}

/// Which commit a checkout stands at, with `-dirty` where something in it was changed. None where git does not know.
pub fn commit(root: &Path) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=40",
            "--exclude=*",
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn processor(cpuinfo: &str) -> Option<String> {
    let (_, name) = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")?;
    Some(name.trim().to_owned())
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_memory_is_read_and_never_guessed() {
        assert_eq!(
            total_kib("MemTotal:       16384 kB\nMemFree: 1 kB\n"),
            Some(16384)
        );
        assert_eq!(total_kib("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn a_processor_is_named_as_it_names_itself() {
        let text = "processor\t: 0\nmodel name\t: Some Core: 2 GHz\n";
        assert_eq!(processor(text), Some("Some Core: 2 GHz".into()));
        assert_eq!(processor("processor : 0\n"), None);
    }

    #[test]
    fn a_folder_that_is_no_checkout_has_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(commit(dir.path()), None);
    }

    #[test]
    fn a_digest_is_that_of_the_contents() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("empty");
        fs::write(&file, "").unwrap();
        let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&file).unwrap(), known);
    }
}
