//! What a deed costs: bytes asked of the allocator, which no other load on the machine changes, as it changes a time.

use anyhow::{Context, Result, bail};
use tikv_jemalloc_ctl::thread;

use crate::run::Dead;

/// Does something that may ask this thread's allocator for `limit` bytes, however soon they are freed: `what`, in a word.
///
/// # Errors
///
/// Its own; [`Dead`], with what was asked for, where it was more; and without the allocator's statistics.
pub async fn asks_at_most<T>(
    limit: u64,
    what: &str,
    deed: impl Future<Output = Result<T>>,
) -> Result<T> {
    let asked = thread::allocatedp::read().context("the allocator keeps no statistics")?;
    let before = asked.get();
    let done = deed.await?;
    let bytes = asked.get() - before;
    if bytes > limit {
        bail!(Dead(format!(
            "{what} asked for {bytes} bytes, and {limit} are plenty"
        )));
    }
    Ok(done)
}
