//! Lays a series of changes over one published crate, in a folder of its own, a commit each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::change::{Change, TestName};
use crate::error::IoContext;
use crate::git::{Repo, UPSTREAM};
use crate::hunk::{self, FilePatch};
use crate::manifest::{self, Scope, written};
use crate::pin;
use crate::project::stays_inside;
use crate::{Error, Result};

/// Unpacks the crate into an empty folder and commits it as it was published.
pub fn lay_upstream(krate: &str, crate_bytes: &[u8], dir: &Path) -> Result<Repo> {
    fs::create_dir_all(dir).on("cannot make", dir)?;
    pin::unpack(krate, crate_bytes, dir)?;
    let repo = Repo::init(dir)?;
    repo.commit_all(&format!("{krate} as published\n"))?;
    repo.git(["tag", UPSTREAM])?;
    Ok(repo)
}

/// What becomes of the manifest when a change is laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It is as cargo published it, and takes up what the change adds.
    Published,
    /// It is as its authors wrote it, and takes it up in their manner.
    Written,
    /// It stays: what the change adds is laid elsewhere.
    Left,
}

/// Lays a change over what stands in the repository, and commits it.
pub fn lay_change(repo: &Repo, change: &Change) -> Result<()> {
    lay_change_in(repo, change, Form::Published)
}

/// The same over a manifest of another form.
pub fn lay_change_in(repo: &Repo, change: &Change, form: Form) -> Result<()> {
    let patches = parse_hooks(change)?;
    let new_files = change.files.keys().map(String::as_str);
    let manifest = match form {
        Form::Published => manifest_with(repo, change, new_files, Scope::Whole)?,
        Form::Written => manifest_in_their_manner(repo, change, new_files)?,
        Form::Left => read(repo, change, "Cargo.toml")?,
    };
    for (file, bytes) in &change.files {
        add_file(repo, change, file, bytes)?;
    }
    for file in &change.facts.removes {
        fs::remove_file(place(repo, change, file)?)
            .map_err(|_| not_there(change, "removes", file))?;
    }
    for patch in &patches {
        let before = read(repo, change, &patch.path)?;
        check_blob(change, patch, "before", &patch.before, &before)?;
        let after = apply(change, patch, &before)?;
        check_blob(change, patch, "after", &patch.after, &after)?;
        write(repo, change, &patch.path, after.as_bytes())?;
    }
    write(repo, change, "Cargo.toml", manifest.as_bytes())?;
    repo.commit_all(&change.message())
}

/// Lays the tests of a change without its fix: the files that [`crate::change::Facts::tests`] names, what they share (in
/// folders under `tests/`, in modules for tests that hold none), and the lines that hook test modules in.
pub fn lay_tests(repo: &Repo, change: &Change, tests: &[TestName]) -> Result<()> {
    let named: BTreeSet<&str> = tests.iter().map(|test| test.file.as_str()).collect();
    let files: Vec<&str> = change
        .files
        .keys()
        .map(String::as_str)
        .filter(|file| {
            named.contains(file)
                || file.starts_with("benches/")
                || is_shared_by_tests(file, &change.files[*file])
        })
        .collect();
    let manifest = manifest_with(repo, change, files.iter().copied(), Scope::Tests)?;
    for file in &files {
        add_file(repo, change, file, &change.files[*file])?;
    }
    let modules: BTreeSet<&str> = files.iter().filter_map(|file| module_name(file)).collect();
    for patch in parse_hooks(change)? {
        let probes = hunk::probes(&patch, |stem| modules.contains(stem));
        // The file itself may be one that only an earlier change adds.
        if !probes.hunks.is_empty() {
            let before = read(repo, change, &patch.path)?;
            let after = apply(change, &probes, &before)?;
            write(repo, change, &patch.path, after.as_bytes())?;
        }
    }
    write(repo, change, "Cargo.toml", manifest.as_bytes())?;
    repo.commit_all(&format!("The tests of {}, without its fix\n", change.slug))
}

/// The hunks of a change, read.
pub fn parse_hooks(change: &Change) -> Result<Vec<FilePatch>> {
    hunk::parse(&change.hooks).map_err(|what| Error::Malformed {
        path: Path::new("patch")
            .join(change.name())
            .join(crate::change::HOOKS),
        what,
    })
}

/// The manifest that a change makes of the one that stands in the repository.
pub fn manifest_with<'a>(
    repo: &Repo,
    change: &Change,
    files: impl IntoIterator<Item = &'a str>,
    scope: Scope,
) -> Result<String> {
    let before = read(repo, change, "Cargo.toml")?;
    manifest::merge(&before, &change.facts, files, scope)
        .map_err(|what| malformed_facts(change, what))
}

fn manifest_in_their_manner<'a>(
    repo: &Repo,
    change: &Change,
    files: impl IntoIterator<Item = &'a str>,
) -> Result<String> {
    let before = read(repo, change, "Cargo.toml")?;
    written::merge(&before, &change.facts, files).map_err(|what| malformed_facts(change, what))
}

fn malformed_facts(change: &Change, what: String) -> Error {
    Error::Malformed {
        path: Path::new("patch")
            .join(change.name())
            .join(crate::change::FACTS),
        what,
    }
}

fn apply(change: &Change, patch: &FilePatch, before: &str) -> Result<String> {
    hunk::apply(before, &patch.hunks).map_err(|misfit| Error::Hunk {
        change: change.name(),
        file: patch.path.clone(),
        line: misfit.line,
        expected: misfit.expected,
        found: misfit.found,
    })
}

fn check_blob(
    change: &Change,
    patch: &FilePatch,
    when: &'static str,
    expected: &str,
    text: &str,
) -> Result<()> {
    let found = hunk::blob_id(text.as_bytes());
    if found == expected {
        return Ok(());
    }
    // The base moved. Where a removed line tells the place, say that rather than two digests.
    if when == "before" {
        apply(change, patch, text)?;
    }
    Err(Error::Blob {
        change: change.name(),
        file: patch.path.clone(),
        when,
        expected: expected.to_owned(),
        found,
    })
}

fn add_file(repo: &Repo, change: &Change, file: &str, bytes: &[u8]) -> Result<()> {
    if place(repo, change, file)?.exists() {
        return Err(Error::AddedTwice {
            change: change.name(),
            file: file.to_owned(),
            owner: "upstream".to_owned(),
        });
    }
    write(repo, change, file, bytes)
}

fn read(repo: &Repo, change: &Change, file: &str) -> Result<String> {
    fs::read_to_string(place(repo, change, file)?).map_err(|_| not_there(change, "changes", file))
}

fn write(repo: &Repo, change: &Change, file: &str, bytes: &[u8]) -> Result<()> {
    let path = place(repo, change, file)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).on("cannot make", parent)?;
    }
    fs::write(&path, bytes).on("cannot write", &path)
}

/// Where a file of a change stands, which must be in the crate.
fn place(repo: &Repo, change: &Change, file: &str) -> Result<PathBuf> {
    if stays_inside(Path::new(file)) {
        return Ok(repo.dir().join(file));
    }
    Err(Error::Malformed {
        path: Path::new("patch").join(change.name()),
        what: format!("names {file:?}, which is no path inside the crate"),
    })
}

fn not_there(change: &Change, deed: &str, file: &str) -> Error {
    Error::Malformed {
        path: Path::new("patch").join(change.name()),
        what: format!("{deed} {file}, which is not there before it (or is no text)"),
    }
}

/// `tests/common/mod.rs` and the like, no target of its own and used by those beside it; and `src/common_tests.rs`, a module
/// for tests without one.
fn is_shared_by_tests(file: &str, bytes: &[u8]) -> bool {
    match file.strip_prefix("tests/") {
        Some(inner) => inner.contains('/'),
        None => file.ends_with("_tests.rs") && !holds_tests(&String::from_utf8_lossy(bytes)),
    }
}

/// Whether an attribute of the text is for tests: `#[test]`, `#[tokio::test(…)]`, `#[cfg(all(test, …))]`.
pub fn holds_tests(text: &str) -> bool {
    let mut attributes = text.match_indices("#[").map(|(at, _)| {
        let attribute = &text[at + 2..];
        attribute.split(']').next().unwrap_or_default()
    });
    let is_test = |word: &str| word == "test";
    attributes.any(|attribute| {
        let (path, inner) = attribute.split_once('(').unwrap_or((attribute, ""));
        path.rsplit("::").next().is_some_and(is_test)
            || path == "cfg" && inner.split([' ', ',', '(', ')']).any(is_test)
    })
}

/// `src/x.rs` and `src/x/mod.rs` are both the module `x`.
fn module_name(file: &str) -> Option<&str> {
    let stem = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    stem.strip_suffix("/mod").unwrap_or(stem).rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_their_attributes() {
        for text in [
            "#[test]\nfn a() {}",
            "#[tokio::test(flavor = \"x\")]",
            "#[cfg(all(test, unix))]",
        ] {
            assert!(holds_tests(text), "{text}");
        }
        for text in [
            "#[cfg(feature = \"test-utils\")]",
            "fn test() {}",
            "#[derive(Debug)]",
        ] {
            assert!(!holds_tests(text), "{text}");
        }
    }
}
