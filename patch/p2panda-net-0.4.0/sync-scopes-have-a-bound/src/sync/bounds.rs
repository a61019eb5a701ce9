// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds on what sync keeps, and figures on what they cost.
//!
//! Shared by the sync actor, which initiates sessions, and the engine, which is asked for figures. So
//! asking takes no place in the actor's inbox.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use serde::Serialize;

/// Bounds on sync. See the methods of `Limits` for what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncLimits {
    pub scopes: usize,
}

impl Default for SyncLimits {
    fn default() -> Self {
        Self { scopes: 4096 }
    }
}

/// Bounds, and what happens within them.
#[derive(Debug, Default)]
pub struct SyncBounds {
    pub limits: SyncLimits,
    pub scopes: AtomicUsize,
    pub queued: AtomicUsize,
    pub initiated: AtomicUsize,
    pub expired_scopes: AtomicU64,
    pub evicted_scopes: AtomicU64,
    pub refused_scopes: AtomicU64,
}

impl SyncBounds {
    pub fn new(limits: SyncLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The figures of this moment.
    pub fn stats(&self) -> SyncStats {
        SyncStats {
            scopes: self.scopes.load(Relaxed),
            scopes_max: self.limits.scopes,
            queued: self.queued.load(Relaxed),
            initiated: self.initiated.load(Relaxed),
            expired_scopes: self.expired_scopes.load(Relaxed),
            evicted_scopes: self.evicted_scopes.load(Relaxed),
            refused_scopes: self.refused_scopes.load(Relaxed),
        }
    }
}

/// What sync keeps: a scope is a peer and a topic that it was, is or will be synced on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SyncStats {
    /// Scopes that are remembered.
    pub scopes: usize,

    /// Bound of `scopes`.
    pub scopes_max: usize,

    /// Scopes that wait for a session. Bounded by `scopes_max`.
    pub queued: usize,

    /// Initiated sessions that are running, or dial. Bounded by
    /// `SyncConfiguration::max_concurrent_sync_sessions`.
    pub initiated: usize,

    /// Scopes forgotten some time after their last attempt had failed.
    pub expired_scopes: u64,

    /// Scopes that made room for others.
    pub evicted_scopes: u64,

    /// Times a newcomer was dropped since no scope could make room.
    pub refused_scopes: u64,
}
