//! What can go wrong, in one line each: what, what was expected, what was found, what to do.

use std::path::{Path, PathBuf};

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the tool. Its text is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command cannot be carried out as it was given.
    #[error("{0}")]
    Usage(String),

    /// A check was made and did not hold. What it found has been printed or is in the text.
    #[error("{0}")]
    Check(String),

    /// The file system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },

    /// A `.crate` in cargo's cache is not the one that the pin names.
    #[error(
        "{}: its SHA-256 is {found}, the pin says {expected}: the file is damaged or was changed; \
         delete it and run again",
        path.display()
    )]
    Tampered {
        path: PathBuf,
        expected: String,
        found: String,
    },

    /// A folder under `patch/` is for a crate that the pin does not name.
    #[error(
        "patch/{krate}: {locks} has no {krate} with a checksum; add it to the Cargo.toml beside that with its exact version, \
         and run `cargo update --workspace` with it as `--manifest-path`"
    )]
    NotPinned { krate: String, locks: String },

    /// Cargo could not fetch a pinned crate.
    #[error(
        "cannot fetch {crates}: cargo says: {said}; connect to the network or fill cargo's cache, and run again"
    )]
    Fetch { crates: String, said: String },

    /// A hunk does not fit the text it was made for.
    #[error(
        "patch/{change}/hooks.patch no longer fits: {file}:{line}: expected {expected:?}, found {found:?}; \
         mend the hunk, or `cargo fork edit` the crate and `refresh`"
    )]
    Hunk {
        change: String,
        file: String,
        line: usize,
        expected: String,
        found: String,
    },

    /// A file is not the one, or does not become the one, that the hunk's `index` line names.
    #[error(
        "patch/{change}/hooks.patch no longer fits: {file} {when} has blob {found}, its index line says {expected}; \
         an earlier change or the pin moved under it: mend it with `cargo fork edit` and `refresh`"
    )]
    Blob {
        change: String,
        file: String,
        when: &'static str,
        expected: String,
        found: String,
    },

    /// A file of a change is there already.
    #[error(
        "patch/{change}: adds {file}, but {owner} has it already; a later change hooks into it instead"
    )]
    AddedTwice {
        change: String,
        file: String,
        owner: String,
    },

    /// A file under `patch/` cannot be read as what it should be.
    #[error("{}: {what}", path.display())]
    Malformed { path: PathBuf, what: String },

    /// An assembled crate has something that would be lost.
    #[error(
        "{place} has edits that are not in patch/: {edits}; \
         `cargo fork refresh {krate}` keeps them, `cargo fork assemble --discard` drops them"
    )]
    HandEdits {
        place: String,
        krate: String,
        edits: String,
    },

    /// Something among the assembled crates is not from us, so `refresh` cannot keep it.
    #[error("{place} {what}; move it away, or drop it with `cargo fork assemble --discard`")]
    NotOurs { place: String, what: String },

    /// A program that the tool rests on is not there.
    #[error("cannot run `{program}`: {source}; install it and run again")]
    Missing {
        program: String,
        source: std::io::Error,
    },

    /// A program that the tool rests on failed.
    #[error("`{command}` failed: {said}")]
    Program { command: String, said: String },

    /// The user stopped it.
    #[error("interrupted: stopped before the end")]
    Interrupted,
}

impl Error {
    /// The exit code of a command that ends with this error: 1 a check failed, 2 bad use, 130 interrupted (as shells
    /// say it).
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Interrupted => 130,
            _ => 1,
        }
    }

    pub(crate) fn malformed(path: &Path, what: impl ToString) -> Self {
        Error::Malformed {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }

    /// A file whose TOML cannot be read as `text` should be. The parser's message may have several lines; this has one.
    pub(crate) fn malformed_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map_or(1, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        let words: Vec<&str> = error.message().split_whitespace().collect();
        Error::malformed(path, format!("line {line}: {}", words.join(" ")))
    }
}

/// Names the path and the deed in an I/O error.
pub(crate) trait IoContext<T> {
    fn on(self, what: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn on(self, what: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io {
            what,
            path: path.to_owned(),
            source,
        })
    }
}
