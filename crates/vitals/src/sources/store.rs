//! Figures of a memory store.

use p2panda_store::{MemoryStore, MemoryStoreStats};

use super::{Source, metrics};
use crate::metric::{Column, read};

/// A store; it is held for as long as the watch runs.
pub(crate) fn source<L, E>(store: MemoryStore<L, E>) -> Source
where
    L: Send + Sync + 'static,
    E: Send + Sync + 'static,
    MemoryStore<L, E>: Clone,
{
    Source::new("memory_store", metrics(TABLE), move || {
        let store = store.clone();
        async move { Ok(read(TABLE, &store.stats())) }
    })
}

type Store = Column<MemoryStoreStats>;

pub(crate) static TABLE: &[Store] = &[
    Store::gauge(
        "memory_store.operations",
        "Operations; one that stands in several logs counts once.",
        |s| s.operation_count as f64,
    )
    .limit(|s| s.limits.max_operations.map(|limit| limit as f64)),
    Store::gauge(
        "memory_store.logs",
        "Logs with at least one operation.",
        |s| s.log_count as f64,
    ),
    Store::gauge("memory_store.entries", "Entries of all logs.", |s| {
        s.total_entries as f64
    }),
    Store::gauge("memory_store.header_bytes", "Bytes of the headers.", |s| {
        s.header_bytes as f64
    }),
    Store::gauge("memory_store.body_bytes", "Bytes of the bodies.", |s| {
        s.body_bytes as f64
    }),
    Store::gauge(
        "memory_store.estimated_bytes",
        "What the store is estimated to take of memory.",
        |s| s.estimated_memory_bytes as f64,
    )
    .limit(|s| s.limits.max_bytes.map(|limit| limit as f64)),
    Store::counter(
        "memory_store.evicted_entries",
        "Entries that logs have lost to the limits of the store.",
        |s| s.evicted_entries as f64,
    ),
];
