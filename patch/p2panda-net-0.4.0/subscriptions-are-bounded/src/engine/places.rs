// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds how many subscriptions there are at a time.
//!
//! A subscription takes its place before the engine hears of it, so that its caller is told at once
//! if there is none, and gives it back when its stream has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::TooManySubscriptions;

/// The bound on subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionLimits {
    /// Subscriptions at a time.
    pub subscriptions: usize,
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        Self {
            subscriptions: 16 * 1024,
        }
    }
}

/// The places of a node, shared by those who take and those who give back.
#[derive(Clone, Debug)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Semaphore,
    max: usize,
    refused: AtomicU64,
}

/// A place that was taken, and is given back when this is dropped.
#[derive(Debug)]
pub struct Place<'a>(SemaphorePermit<'a>);

impl Places {
    pub fn new(limits: &SubscriptionLimits) -> Self {
        let max = limits.subscriptions.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            free: Semaphore::new(max),
            max,
            refused: AtomicU64::new(0),
        }))
    }

    /// Takes a place, if one is free.
    pub fn take(&self) -> Result<Place<'_>, TooManySubscriptions> {
        self.0.free.try_acquire().map(Place).map_err(|_| {
            self.0.refused.fetch_add(1, Relaxed);
            TooManySubscriptions { max: self.0.max }
        })
    }

    /// Gives back a place that was left to a stream.
    pub fn give_back(&self) {
        // Streams that were established without one give none back.
        if self.0.free.available_permits() < self.0.max {
            self.0.free.add_permits(1);
        }
    }

    pub fn max(&self) -> usize {
        self.0.max
    }

    /// How often there was no place.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::new(&SubscriptionLimits::default())
    }
}

impl Place<'_> {
    /// Leaves the place to the stream that is being established.
    pub fn leave(self) {
        self.0.forget();
    }
}
