//! Heap profiles: which stacks hold the bytes that are live, for whoever asks with `--profile`.
//!
//! The allocator has a profiler only in the program that is built with the feature `profile`. It takes samples of what is
//! allocated and gives each of them pages of its own, so the heap's figures beside it are not those of the crates.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use tikv_jemalloc_ctl::{Access, AsName, raw};

/// Where the profiles of a run go.
#[derive(Debug)]
pub struct Profiles(PathBuf);

impl Profiles {
    /// Into this folder.
    ///
    /// # Errors
    ///
    /// Where the allocator has no profiler, or it is off.
    pub fn new(folder: PathBuf) -> Result<Self> {
        let on: bool = b"opt.prof\0".name().read().map_err(|_| {
            anyhow!("no profiler here; the program that has one is built with `--features profile`")
        })?;
        ensure!(
            on,
            "the profiler is off: run with _RJEM_MALLOC_CONF=prof:true, or with MALLOC_CONF where jemalloc is malloc itself"
        );
        Ok(Self(folder))
    }

    /// Writes what is held now to `<name>.heap`, as jemalloc writes it (`heap_v2`).
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn take(&self, name: &str) -> Result<()> {
        let path = self.0.join(format!("{name}.heap"));
        let shown = path.display();
        dump(&path).with_context(|| format!("no heap profile at {shown}"))
    }
}

fn dump(path: &Path) -> Result<()> {
    let mut path = path.to_str().context("no UTF-8")?.to_owned();
    path.push('\0');
    // The allocator's interface takes names that live for ever. There are two in a run, both taken before what they name.
    let path: &'static str = Box::leak(path.into_boxed_str());
    raw::write_str(b"prof.dump\0", path.as_bytes()).map_err(|error| anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_profiler_is_off_says_how_to_have_one() {
        let error = Profiles::new(PathBuf::new()).unwrap_err().to_string();
        let ways = ["--features profile", "prof:true"];
        assert!(ways.iter().any(|way| error.contains(way)), "{error}");
    }
}
