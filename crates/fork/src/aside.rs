//! Makes a folder aside and renames it into place: whole, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::IoContext;
use crate::{Error, Result};

/// Lets `make` fill a folder that becomes `to`. Where anything fails, `to` is as it was.
///
/// # Errors
/// [`Error::Usage`] where something stands at `to` already, or its parent folder is not there.
pub fn make_folder<T>(to: &Path, make: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let is_free = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !to.exists(),
    };
    if !is_free {
        let what = "is there already; delete it or name another folder";
        return Err(Error::Usage(format!("{} {what}", to.display())));
    }
    let parent = parent_of(to);
    if !parent.is_dir() {
        return Err(Error::Usage(format!(
            "{}: there is no folder {} to make it in",
            to.display(),
            parent.display()
        )));
    }
    let staging = tempfile::Builder::new()
        .prefix(".fork-")
        .tempdir_in(&parent)
        .on("cannot make a folder in", &parent)?;
    let inner = staging.path().join("made");
    fs::create_dir(&inner).on("cannot make", &inner)?;
    let made = make(&inner)?;
    // An empty folder at the place is replaced.
    fs::rename(&inner, to).on("cannot put in place", to)?;
    Ok(made)
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
