//! Whether somebody still gets what they are owed, for scenarios that ask what is survived rather than what is kept.

use std::time::Duration;

use anyhow::Result;
use tokio::time::timeout;

use crate::run::Dead;

/// How long they wait by the runtime's clock. That is past the 30 s after which a connection without an answer ends, so that who
/// only lost one may be back.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what an honest peer, or the application, is owed.
///
/// # Errors
///
/// [`Dead`] where it does not come.
pub async fn serves(owed: impl Future<Output = Result<()>>) -> Result<()> {
    let what = match timeout(PATIENCE, owed).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("what was owed did not come within {} s", PATIENCE.as_secs()),
    };
    Err(Dead(what).into())
}
