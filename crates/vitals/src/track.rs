//! Counts what an application has open, and says what has been open for too long.
//!
//! ```
//! use vitals::Tracker;
//!
//! let tracker = Tracker::default();
//! let open = tracker.track("stream", "chat");
//! assert_eq!(tracker.live("stream"), 1);
//! drop(open);
//! assert_eq!(tracker.live("stream"), 0);
//! ```

use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use slab::Slab;
use tracing::error;

use crate::metric::{Metric, Reading};
use crate::sources::Source;

/// Things that are told apart by default. Further ones are counted, but have no age and no label.
pub const TRACKED_MAX: usize = 65_536;

/// Kinds that are told apart. Further ones count as [`OTHER`].
pub const KINDS_MAX: usize = 64;

/// Bytes of a label that are kept.
pub const LABEL_BYTES_MAX: usize = 256;

/// The kind of all that come after the last that are told apart.
pub const OTHER: &str = "other";

/// What an application has open. A clone tracks the same.
#[derive(Debug, Clone)]
pub struct Tracker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    entries_max: usize,
    backtraces: bool,
}

#[derive(Debug, Default)]
struct Table {
    entries: Slab<Entry>,
    kinds: BTreeMap<&'static str, KindCount>,
}

#[derive(Debug)]
struct Entry {
    kind: &'static str,
    label: Cow<'static, str>,
    since: Instant,
    backtrace: Option<Arc<Backtrace>>,
    /// Whether the janitor has called for its clean-up.
    reported: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct KindCount {
    live: u64,
    total: u64,
    /// Those of the live ones that found no place in the table.
    untold: u64,
}

/// Something that is open, until this is dropped.
#[derive(Debug)]
#[must_use = "what is tracked counts as closed once the guard is dropped"]
pub struct Guard {
    shared: Weak<Shared>,
    kind: &'static str,
    key: Option<usize>,
}

/// Something that is open.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tracked {
    /// What sort of thing it is.
    pub kind: &'static str,
    /// Which of its kind.
    pub label: Cow<'static, str>,
    /// How long it has been open.
    pub age: Duration,
    /// Who opened it, where the tracker was told to remember.
    pub backtrace: Option<Arc<Backtrace>>,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new(TRACKED_MAX, false)
    }
}

impl Tracker {
    /// A tracker that tells at most `entries_max` things apart. With `backtraces` it remembers who opened each, which
    /// takes tens of microseconds and a kilobyte or more.
    pub fn new(entries_max: usize, backtraces: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                table: Mutex::default(),
                entries_max,
                backtraces,
            }),
        }
    }

    /// Counts something as open until the guard is dropped. Never blocks for long, never fails. Of a label that is
    /// longer than [`LABEL_BYTES_MAX`] the beginning is kept.
    pub fn track(&self, kind: &'static str, label: impl Into<Cow<'static, str>>) -> Guard {
        let backtrace = self
            .shared
            .backtraces
            .then(|| Arc::new(Backtrace::force_capture()));
        let mut label = label.into();
        if label.len() > LABEL_BYTES_MAX {
            let kept = &label[..label.floor_char_boundary(LABEL_BYTES_MAX)];
            label = Cow::Owned(kept.to_owned());
        }
        let since = Instant::now();

        let mut table = self.shared.lock();
        let kind = table.kind(kind);
        let has_room = table.entries.len() < self.shared.entries_max;
        let key = has_room.then(|| {
            table.entries.insert(Entry {
                kind,
                label,
                since,
                backtrace,
                reported: false,
            })
        });
        let count = table.kinds.entry(kind).or_default();
        count.live += 1;
        count.total += 1;
        count.untold += u64::from(key.is_none());
        Guard {
            shared: Arc::downgrade(&self.shared),
            kind,
            key,
        }
    }

    /// How many of a kind are open.
    pub fn live(&self, kind: &str) -> u64 {
        self.shared
            .lock()
            .kinds
            .get(kind)
            .map_or(0, |count| count.live)
    }

    /// What has been open for at least `age`, the oldest first. Costs a walk through all that is open.
    pub fn older_than(&self, age: Duration) -> Vec<Tracked> {
        let now = Instant::now();
        let mut old: Vec<_> = self
            .shared
            .lock()
            .entries
            .iter()
            .filter(|(_, entry)| entry.age(now) >= age)
            .map(|(_, entry)| entry.tracked(now))
            .collect();
        old.sort_by_key(|tracked| std::cmp::Reverse(tracked.age));
        old
    }

    /// Calls `clean_up` once for each thing that has been open for `age`, and looks every quarter of that. Runs until
    /// it is dropped; `Builder::janitor` runs it together with a watch. A tracker needs no second one: what one has
    /// called for, another does not.
    ///
    /// The clean-up is what the application knows to do, such as cancelling the task that holds the thing; the thing
    /// counts as open until its guard is dropped. It is called on the runtime and must not block. One that panics is
    /// called for the next thing all the same.
    pub async fn janitor(self, age: Duration, mut clean_up: impl FnMut(Tracked) + Send) {
        let every = (age / 4).max(Duration::from_millis(1));
        loop {
            tokio::time::sleep(every).await;
            for tracked in self.newly_older_than(age) {
                let (kind, label) = (tracked.kind, tracked.label.clone());
                // What it has written halfway is its own; here nothing is.
                let called = catch_unwind(AssertUnwindSafe(|| clean_up(tracked)));
                if called.is_err() {
                    error!("the clean-up of {kind} {label} panicked");
                }
            }
        }
    }

    fn newly_older_than(&self, age: Duration) -> Vec<Tracked> {
        let now = Instant::now();
        let mut table = self.shared.lock();
        let entries = table.entries.iter_mut().map(|(_, entry)| entry);
        entries
            .filter(|entry| !entry.reported && entry.age(now) >= age)
            .map(|entry| {
                entry.reported = true;
                entry.tracked(now)
            })
            .collect()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The kind to count under.
    fn kind(&self, kind: &'static str) -> &'static str {
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(kind) {
            kind
        } else {
            OTHER
        }
    }
}

impl Entry {
    fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.since)
    }

    fn tracked(&self, now: Instant) -> Tracked {
        Tracked {
            kind: self.kind,
            label: self.label.clone(),
            age: self.age(now),
            backtrace: self.backtrace.clone(),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let mut table = shared.lock();
        // Dropped after the lock: a label or a backtrace may take a while to free.
        let entry = self.key.map(|key| table.entries.remove(key));
        if let Some(count) = table.kinds.get_mut(self.kind) {
            count.live -= 1;
            count.untold -= u64::from(entry.is_none());
        }
        drop(table);
        drop(entry);
    }
}

static LIVE: Metric = Metric::gauge("tracked.live", "What the application has open.");
static TOTAL: Metric = Metric::counter("tracked.opened", "What the application has opened.");
static OLDEST: Metric = Metric::gauge(
    "tracked.oldest_age_seconds",
    "How long the oldest of it has been open.",
);
static UNTOLD: Metric = Metric::gauge(
    "tracked.untold",
    "What is open, but came when as much was told apart as may be.",
);

/// Tells of a tracker.
pub(crate) fn source(tracker: Tracker) -> Source {
    let metrics = vec![&LIVE, &TOTAL, &OLDEST, &UNTOLD];
    Source::new("tracked", metrics, move || {
        let told = readings(&tracker.shared);
        async move { Ok(told) }
    })
}

fn readings(shared: &Shared) -> Vec<Reading> {
    let now = Instant::now();
    let table = shared.lock();
    let mut oldest = BTreeMap::<_, Duration>::new();
    for (_, entry) in &table.entries {
        let age = entry.age(now);
        let oldest = oldest.entry(entry.kind).or_default();
        *oldest = age.max(*oldest);
    }
    let mut readings = Vec::new();
    for (kind, count) in &table.kinds {
        let age = oldest.get(kind).copied().unwrap_or_default();
        let figures = [
            (&LIVE, count.live as f64),
            (&TOTAL, count.total as f64),
            (&OLDEST, age.as_secs_f64()),
            (&UNTOLD, count.untold as f64),
        ];
        for (metric, value) in figures {
            readings.push(Reading::new(metric, value).label("kind", kind));
        }
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted_until_its_guard_goes() {
        let tracker = Tracker::default();
        let guards: Vec<_> = (0..10).map(|_| tracker.track("file", "a")).collect();
        let other = tracker.track("task", "b");
        assert_eq!((tracker.live("file"), tracker.live("task")), (10, 1));
        drop(guards);
        assert_eq!((tracker.live("file"), tracker.live("task")), (0, 1));
        drop(tracker);
        drop(other);
    }

    #[test]
    fn past_the_bound_things_are_counted_but_not_told_apart() {
        let tracker = Tracker::new(2, false);
        let guards: Vec<_> = (0..5).map(|_| tracker.track("file", "a")).collect();
        assert_eq!(tracker.live("file"), 5);
        assert_eq!(tracker.older_than(Duration::ZERO).len(), 2);
        assert_eq!(value(&tracker, "tracked.untold"), 3.0);
        drop(guards);
        assert_eq!(value(&tracker, "tracked.untold"), 0.0);
        assert_eq!(tracker.live("file"), 0);
    }

    #[test]
    fn kinds_past_the_bound_are_one() {
        let tracker = Tracker::default();
        let guards: Vec<_> = (0..KINDS_MAX + 10)
            .map(|at| tracker.track(String::leak(format!("kind-{at}")), "a"))
            .collect();
        assert_eq!(tracker.live(OTHER), 10);
        assert_eq!(tracker.shared.lock().kinds.len(), KINDS_MAX + 1);
        drop(guards);
        assert_eq!(tracker.live(OTHER), 0);
    }

    #[test]
    fn the_oldest_come_first_and_say_who_opened_them() {
        let tracker = Tracker::new(8, true);
        let _first = tracker.track("file", "first");
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        let _second = tracker.track("file", String::from("second"));
        let open = tracker.older_than(Duration::ZERO);
        let labels: Vec<_> = open.iter().map(|tracked| &*tracked.label).collect();
        assert_eq!(labels, ["first", "second"]);
        let backtrace = open[0].backtrace.as_ref().unwrap().to_string();
        assert!(backtrace.contains("track"), "{backtrace}");
        assert!(tracker.older_than(Duration::from_secs(3600)).is_empty());
    }

    #[test]
    fn guards_of_many_threads_add_up() {
        let tracker = Tracker::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        drop(tracker.track("file", "a"));
                    }
                });
            }
        });
        assert_eq!(tracker.live("file"), 0);
        assert_eq!(value(&tracker, "tracked.opened"), 4000.0);
    }

    #[tokio::test]
    async fn the_janitor_calls_once_for_each_thing_that_is_open_too_long() {
        let tracker = Tracker::default();
        let _open = tracker.track("file", "forgotten");
        let (tx, mut rx) = tokio::sync::mpsc::channel(4);
        let age = Duration::from_millis(20);
        let janitor = tokio::spawn(tracker.clone().janitor(age, move |tracked| {
            tx.try_send(tracked.label).unwrap();
        }));
        assert_eq!(rx.recv().await.unwrap(), "forgotten");
        let again = tokio::time::timeout(Duration::from_millis(60), rx.recv()).await;
        assert!(again.is_err(), "{again:?}");
        janitor.abort();
    }

    #[tokio::test]
    async fn a_clean_up_that_panics_is_called_for_the_next_thing() {
        let tracker = Tracker::default();
        let _open: Vec<_> = (0..3).map(|_| tracker.track("file", "forgotten")).collect();
        let (tx, mut rx) = tokio::sync::mpsc::channel(4);
        let janitor = tokio::spawn(tracker.clone().janitor(Duration::ZERO, move |tracked| {
            tx.try_send(tracked.kind).unwrap();
            panic!("on purpose");
        }));
        for _ in 0..3 {
            assert_eq!(rx.recv().await, Some("file"));
        }
        assert!(!janitor.is_finished());
        janitor.abort();
    }

    #[test]
    fn of_a_long_label_the_beginning_is_kept() {
        let tracker = Tracker::default();
        let _open = tracker.track("file", "ü".repeat(LABEL_BYTES_MAX));
        let _odd = tracker.track("file", format!("x{}", "ü".repeat(LABEL_BYTES_MAX)));
        let open = tracker.older_than(Duration::ZERO);
        let bytes: Vec<_> = open.iter().map(|tracked| tracked.label.len()).collect();
        assert_eq!(bytes, [LABEL_BYTES_MAX, LABEL_BYTES_MAX - 1]);
    }

    #[test]
    fn guards_that_go_in_any_order_leave_an_empty_table() {
        let tracker = Tracker::new(50_000, false);
        let mut guards: Vec<_> = (0..100_000).map(|_| tracker.track("file", "a")).collect();
        assert_eq!(value(&tracker, "tracked.untold"), 50_000.0);
        // Every third, then those from the end, then the rest.
        let mut at = 0;
        guards.retain(|_| {
            at += 1;
            at % 3 != 0
        });
        guards.truncate(10_000);
        assert_eq!(tracker.live("file"), 10_000);
        drop(guards);
        assert_eq!(tracker.live("file"), 0);
        assert!(tracker.shared.lock().entries.is_empty());
    }

    fn value(tracker: &Tracker, name: &str) -> f64 {
        let readings = readings(&tracker.shared);
        let found = readings.iter().find(|reading| reading.metric.name == name);
        found.unwrap().value
    }
}
