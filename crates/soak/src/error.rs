//! What stops a soak as a whole, in one line each. What goes wrong in one scenario is data instead: see
//! [`workload::Failure`](crate::workload::Failure).

use std::path::{Path, PathBuf};

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that leaves nothing to judge. Its text is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },

    /// A program could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        program: PathBuf,
        source: std::io::Error,
    },

    /// Cargo ran and failed; what it said stands above on the terminal.
    #[error("the build failed: `{command}` ended with {status}")]
    Build {
        command: String,
        status: std::process::ExitStatus,
    },

    /// Cargo built, but not the binary that the soak needs.
    #[error(
        "`{command}` built no binary named {name}; expected one with that name in its manifest"
    )]
    NoBinary { command: String, name: String },

    /// Both sides are the same file, so comparing them would show nothing.
    #[error(
        "both sides are the same binary (SHA-256 {digest}): {} and {}; is the patched side really built on patched/?",
        upstream.display(), patched.display()
    )]
    SameBinary {
        digest: String,
        upstream: PathBuf,
        patched: PathBuf,
    },

    /// A binary did not answer `list` as documented.
    #[error("`{} list`: {what}", program.display())]
    List { program: PathBuf, what: String },

    /// The two sides do not offer the same scenarios.
    #[error("the two sides do not list the same scenarios: {0}; were they built from one source?")]
    ListsDiffer(String),

    /// A scenario that does not exist was asked for.
    #[error("no scenario `{name}`; expected one of: {known}")]
    UnknownScenario { name: String, known: String },

    /// There is no such process, or none that we may look at.
    #[error("no process {pid}, or none that we may look at")]
    NoProcess { pid: i32 },

    /// An address gave no metrics.
    #[error("cannot read {url}: {what}")]
    Metrics { url: String, what: String },

    /// An earlier run's summary is none.
    #[error("{} is no summary of a run: {what}", path.display())]
    Baseline { path: PathBuf, what: String },

    /// A plan is none.
    #[error("plan {name}: {what}")]
    Plan { name: String, what: String },

    /// The workload has nothing but a control.
    #[error("nothing to run: no scenario was chosen, or the workload lists none but its canary")]
    NothingToRun,

    /// A node of a fleet failed, so that nothing can be said of the others.
    #[error("node {member} ({}): {what}", program.display())]
    Member {
        member: String,
        program: PathBuf,
        what: String,
    },

    /// A plot could not be drawn.
    #[error("cannot draw the plot of {scenario}: {what}")]
    Plot { scenario: String, what: String },

    /// The checkout, or a change in it, is not what it should be.
    #[error(transparent)]
    Fork(fork::Error),

    /// The user stopped it before anything was measured.
    #[error("interrupted: nothing was measured")]
    Interrupted,
}

impl From<fork::Error> for Error {
    fn from(error: fork::Error) -> Self {
        match error {
            fork::Error::Interrupted => Self::Interrupted,
            error => Self::Fork(error),
        }
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
