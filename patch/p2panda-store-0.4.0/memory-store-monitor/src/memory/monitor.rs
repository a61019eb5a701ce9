// SPDX-License-Identifier: MIT OR Apache-2.0

//! A task that logs what a memory store holds, and warns when that is more than expected.
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::{MemoryStore, MemoryStoreLimits, MemoryStoreStats};

impl<L, E> MemoryStore<L, E>
where
    L: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Spawn a task that looks at the store each `interval` (a second at least).
    ///
    /// Every time it logs the figures at debug level. It warns once when the store exceeds the
    /// threshold, and again only after the store fell to nine tenths of it, so that a store which
    /// goes up and down around the threshold does not fill the log. Nothing is deleted.
    ///
    /// The task does not keep the store: it ends at the next interval after the last clone was
    /// dropped, or when its handle is aborted.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a timer.
    pub fn spawn_monitor(
        &self,
        threshold: MemoryStoreLimits,
        interval: Duration,
    ) -> JoinHandle<()> {
        let inner = Arc::downgrade(&self.inner);
        let interval = interval.max(Duration::from_secs(1));
        tokio::spawn(async move {
            let mut is_above = false;
            loop {
                sleep(interval).await;
                let Some(inner) = inner.upgrade() else {
                    return;
                };
                let stats = inner.read().unwrap_or_else(PoisonError::into_inner).stats();
                drop(inner);
                report(&stats, &threshold, &mut is_above);
            }
        })
    }
}

fn report(stats: &MemoryStoreStats, threshold: &MemoryStoreLimits, is_above: &mut bool) {
    let operations = stats.operation_count;
    let bytes = stats.estimated_memory_bytes;
    debug!(
        operations,
        bytes,
        logs = stats.log_count,
        evicted = stats.evicted_entries,
        "memory store"
    );
    let measures = [
        (operations, threshold.max_operations),
        (bytes, threshold.max_bytes),
    ];
    let exceeds = |share: fn(usize) -> usize| {
        let mut measures = measures.iter();
        measures.any(|(is, max)| max.is_some_and(|max| *is > share(max)))
    };
    if !*is_above && exceeds(|max| max) {
        *is_above = true;
        warn!(
            operations,
            bytes,
            ?threshold,
            "memory store is above its threshold"
        );
    } else if *is_above && !exceeds(|max| max - max / 10) {
        *is_above = false;
        info!(
            operations,
            bytes, "memory store is below its threshold again"
        );
    }
}
