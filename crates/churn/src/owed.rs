//! Whether somebody still gets what they are owed, for scenarios that ask what is survived rather than what is kept.

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::timeout;

use crate::run::Dead;

/// How long they wait by the runtime's clock. That is past the 30 s after which a connection without an answer ends, so that who
/// only lost one may be back.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what an honest peer, or the application, is owed: `what`, in a word.
///
/// # Errors
///
/// [`Dead`], with what it was, where it does not come.
pub async fn owed<T>(what: &str, comes: impl Future<Output = Result<T>>) -> Result<T> {
    owed_within(PATIENCE, what, comes).await
}

/// The same, for so long by the runtime's clock.
///
/// # Errors
///
/// [`Dead`] where it does not come.
pub async fn owed_within<T>(
    patience: Duration,
    what: &str,
    comes: impl Future<Output = Result<T>>,
) -> Result<T> {
    match timeout(patience, comes).await {
        Ok(Ok(it)) => Ok(it),
        Ok(Err(error)) => bail!(Dead(format!("{what}: {error:#}"))),
        Err(_) => bail!(Dead(format!("{what}: not within {} s", patience.as_secs()))),
    }
}

/// The same where an honest peer is to be served.
///
/// # Errors
///
/// [`Dead`] where it is not.
pub async fn serves(peer: impl Future<Output = Result<()>>) -> Result<()> {
    owed("what an honest peer is owed", peer).await
}

/// Does something that no panic may come of.
///
/// # Errors
///
/// [`Dead`] where one does.
pub fn outlives<T>(deed: impl FnOnce() -> T) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(deed)).map_err(|panic| {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref().map(String::as_str));
        // What an error was caused by, and where, stands in lines of their own.
        let message = message.and_then(|message| message.lines().next());
        Dead(format!("panicked: {}", message.unwrap_or("for no reason"))).into()
    })
}
