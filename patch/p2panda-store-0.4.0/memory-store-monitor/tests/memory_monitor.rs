// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the monitor of a memory store says, and when it ends.

#![cfg(feature = "monitor")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{author, insert};
use p2panda_store::{LogStore, MemoryStore, MemoryStoreLimits};
use tokio::time::sleep;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, subscriber};

const INTERVAL: Duration = Duration::from_secs(10);
const LOG: u64 = 1;

#[tokio::test(start_paused = true)]
async fn the_monitor_warns_once_a_crossing_and_again_only_after_a_clear_fall() {
    let said = Said::default();
    let _guard = subscriber::set_default(said.clone());
    let mut store = MemoryStore::default();
    let monitor = store.spawn_monitor(threshold(), INTERVAL);

    fill(&mut store, 0..100).await;
    assert_eq!(said.warnings_after(3).await, 0, "not above it");
    fill(&mut store, 100..101).await;
    assert_eq!(said.warnings_after(3).await, 1);

    // Below the threshold, but not clearly: still the same crossing.
    prune(&mut store, 6).await;
    assert_eq!(said.warnings_after(1).await, 1);
    fill(&mut store, 101..110).await;
    assert_eq!(said.warnings_after(1).await, 1);

    prune(&mut store, 20).await;
    assert_eq!(said.warnings_after(1).await, 1);
    fill(&mut store, 110..130).await;
    assert_eq!(said.warnings_after(3).await, 2);

    assert_eq!(said.figures.load(Ordering::Relaxed), 12, "each interval");
    monitor.abort();
}

#[tokio::test(start_paused = true)]
async fn the_monitor_ends_with_the_last_clone_of_the_store() {
    let store = MemoryStore::<u64>::default();
    let clone = store.clone();
    let monitor = store.spawn_monitor(threshold(), INTERVAL);

    drop(store);
    sleep(2 * INTERVAL).await;
    assert!(!monitor.is_finished());

    drop(clone);
    sleep(2 * INTERVAL).await;
    assert!(monitor.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_monitor_warns_of_bytes_as_well_and_survives_an_interval_of_zero() {
    let said = Said::default();
    let _guard = subscriber::set_default(said.clone());
    let mut store = MemoryStore::default();
    let mut threshold = MemoryStoreLimits::default();
    threshold.max_bytes = Some(10_000);
    let _monitor = store.spawn_monitor(threshold, Duration::ZERO);

    fill(&mut store, 0..100).await;

    assert_eq!(said.warnings_after(1).await, 1);
}

fn threshold() -> MemoryStoreLimits {
    let mut threshold = MemoryStoreLimits::default();
    threshold.max_operations = Some(100);
    threshold
}

async fn fill(store: &mut MemoryStore<u64>, seq_nums: std::ops::Range<u64>) {
    let author = author(1);
    for seq_num in seq_nums {
        insert(store, author, LOG, seq_num).await;
    }
}

async fn prune(store: &mut MemoryStore<u64>, before: u64) {
    let deleted = store.delete_operations(&author(1), &LOG, before).await;
    assert_eq!(deleted, Ok(true));
}

/// Counts what is logged.
#[derive(Clone, Default)]
struct Said {
    warnings: Arc<AtomicUsize>,
    figures: Arc<AtomicUsize>,
}

impl Said {
    async fn warnings_after(&self, intervals: u32) -> usize {
        sleep(intervals * INTERVAL).await;
        // Tasks that are due at the same moment run first.
        tokio::task::yield_now().await;
        self.warnings.load(Ordering::Relaxed)
    }
}

impl Subscriber for Said {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("p2panda_store")
    }

    fn event(&self, event: &Event<'_>) {
        match *event.metadata().level() {
            Level::WARN => self.warnings.fetch_add(1, Ordering::Relaxed),
            Level::DEBUG => self.figures.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
