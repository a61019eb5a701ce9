// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a memory store makes room: the logs that were not written for the longest time lose their
//! beginnings, and no log loses its tip.
use std::collections::{BTreeMap, HashMap};
use std::mem::size_of;

use p2panda_core::{Extensions, PublicKey};

use crate::LogId;

use super::figures::table_memory;
use super::{InnerMemoryStore, MemoryStore};

/// How much a [`MemoryStore`] may hold. Without a limit it keeps everything until it is deleted.
///
/// When an insertion exceeds a limit, the log that was not written for the longest time loses
/// operations from its beginning until the store is within its limits, then the next such log. The
/// tip of a log always stays, so that its height is known and the log can be continued; a store
/// with more logs than it may hold operations is therefore above its limit.
///
/// What was evicted is gone for whoever asks this store, and a peer that synchronises its logs
/// with it is not asked for it again. An evicted operation that comes back all the same is
/// inserted anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStoreLimits {
    /// Most operations the store may hold.
    pub max_operations: Option<usize>,

    /// Most bytes the store may take, by its own estimate (see
    /// [`MemoryStore::estimated_memory_bytes`]).
    pub max_bytes: Option<usize>,
}

impl<L, E> MemoryStore<L, E> {
    /// Create a new in-memory store which makes room when it holds more than it may.
    pub fn with_limits(limits: MemoryStoreLimits) -> Self {
        let store = Self::new();
        store.write_store().eviction.limits = limits;
        store
    }
}

impl MemoryStoreLimits {
    fn are_set(&self) -> bool {
        self.max_operations.is_some() || self.max_bytes.is_some()
    }
}

/// The logs that can make room: those with more than a tip. Empty as long as there are no limits.
#[derive(Clone, Debug)]
pub(super) struct Eviction<L> {
    pub(super) limits: MemoryStoreLimits,
    pub(super) evicted_entries: u64,
    writes: u64,
    pub(super) last_write: HashMap<(PublicKey, L), u64>,
    by_last_write: BTreeMap<u64, (PublicKey, L)>,
}

impl<L> Eviction<L> {
    pub(super) fn memory(&self) -> usize {
        // A B-tree's nodes are a little more than half full.
        let by_last_write = self.by_last_write.len() * 2 * size_of::<(u64, (PublicKey, L))>();
        table_memory(&self.last_write) + by_last_write
    }
}

impl<L: LogId> Eviction<L> {
    /// A log of so many entries was written.
    pub(super) fn log_written(&mut self, public_key: &PublicKey, log_id: &L, entries: usize) {
        if !self.limits.are_set() || entries < 2 {
            return;
        }
        self.writes += 1;
        let log_key = (*public_key, log_id.to_owned());
        if let Some(before) = self.last_write.insert(log_key.clone(), self.writes) {
            self.by_last_write.remove(&before);
        }
        self.by_last_write.insert(self.writes, log_key);
    }

    /// Entries of a log were deleted, and so many are left.
    pub(super) fn log_shrunk(&mut self, log_key: &(PublicKey, L), entries: usize) {
        if entries < 2
            && let Some(last_write) = self.last_write.remove(log_key)
        {
            self.by_last_write.remove(&last_write);
        }
    }

    fn oldest_log(&self) -> Option<(PublicKey, L)> {
        self.by_last_write.values().next().cloned()
    }
}

impl<L> Default for Eviction<L> {
    fn default() -> Self {
        Self {
            limits: MemoryStoreLimits::default(),
            evicted_entries: 0,
            writes: 0,
            last_write: HashMap::new(),
            by_last_write: BTreeMap::new(),
        }
    }
}

impl<L, E> InnerMemoryStore<L, E>
where
    L: LogId,
    E: Extensions,
{
    /// Takes the beginnings of the oldest logs away until the store is within its limits.
    pub(super) fn make_room(&mut self) {
        while self.exceeds_limits()
            && let Some(log_key) = self.eviction.oldest_log()
            && let Some(second) = self.logs.get(&log_key).and_then(|log| log.iter().nth(1))
        {
            let second = *second;
            self.eviction.evicted_entries += self.remove_prefix(&log_key, second) as u64;
        }
    }

    fn exceeds_limits(&self) -> bool {
        let limits = &self.eviction.limits;
        let operations = self.operations.len();
        limits.max_operations.is_some_and(|max| operations > max)
            || (limits.max_bytes).is_some_and(|max| self.estimated_memory_bytes() > max)
    }
}
