//! Frees memory before the system kills the node: looks at what is used, and calls what was registered for relief.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::call::Call;
use crate::memory::{Memory, Usage};
use crate::metric::{Metric, Reading};
use crate::sources::{Source, process::resident_bytes};

/// How long one relief may take, before the next is tried. It goes on no longer.
const RELIEF_TIME_MAX: Duration = Duration::from_secs(10);

/// Percent of the last ten seconds that tasks may wait for memory, above the lower mark, without any need for relief.
const STALLED_PERCENT_MAX: f64 = 10.0;

/// When there is need for relief.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marks {
    /// From this share of the limit on there is pressure. Default: 0.85.
    pub high: f64,
    /// Below this share there is none any more. Default: 0.75.
    pub low: f64,
    /// How often memory is looked at, and relief called for while there is pressure. Default: 30 seconds.
    pub every: Duration,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            high: 0.85,
            low: 0.75,
            every: Duration::from_secs(30),
        }
    }
}

/// Something that frees memory.
pub(crate) struct Relief {
    pub name: &'static str,
    pub call: Call<()>,
}

/// What a relief has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relieved {
    /// Times it was called.
    pub calls: u64,
    /// Times it panicked or took too long.
    pub failures: u64,
    /// Bytes by which the process was smaller after its calls, where it was.
    pub freed_bytes: u64,
}

/// What the monitor knows; shared with the source that tells of it.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    usage: Option<Usage>,
    under_pressure: bool,
    times: u64,
    relieved: Vec<(&'static str, Relieved)>,
}

impl Observed {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at memory again and again.
pub(crate) struct Monitor {
    memory: Memory,
    marks: Marks,
    reliefs: Vec<Relief>,
    observed: Arc<Observed>,
}

impl Monitor {
    pub fn new(memory: Memory, marks: Marks, reliefs: Vec<Relief>) -> Self {
        let observed = Observed::default();
        observed.lock().relieved = reliefs
            .iter()
            .map(|relief| (relief.name, Relieved::default()))
            .collect();
        Self {
            memory,
            marks,
            reliefs,
            observed: Arc::new(observed),
        }
    }

    /// What it knows, for whoever wants to tell of it.
    pub fn observed(&self) -> Arc<Observed> {
        self.observed.clone()
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let mut ticks = interval(self.marks.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = false;
        loop {
            ticks.tick().await;
            match self.memory.usage() {
                Ok(usage) => self.look(usage).await,
                Err(error) if !told => {
                    warn!("cannot tell how much memory is used, so nothing will be freed: {error}");
                    told = true;
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&mut self, usage: Usage) {
        let (before, now) = {
            let mut observed = self.observed.lock();
            let before = observed.under_pressure;
            observed.usage = Some(usage);
            observed.under_pressure = is_under_pressure(before, &usage, &self.marks);
            if observed.under_pressure && !before {
                observed.times += 1;
            }
            (before, observed.under_pressure)
        };
        let percent = usage.share() * 100.0;
        if now && !before {
            warn!("{percent:.0} % of memory in use: freeing what can be freed");
        } else if before && !now {
            info!("{percent:.0} % of memory in use: no pressure any more");
        }
        if now {
            for relief in &mut self.reliefs {
                relieve(relief, &self.observed).await;
            }
        }
    }
}

/// Calls one relief. What it does, hang or panic, is written down and harms nobody.
async fn relieve(relief: &mut Relief, observed: &Observed) {
    let resident = resident_bytes();
    let ended = relief
        .call
        .begin()
        .by(Instant::now() + RELIEF_TIME_MAX)
        .await;
    if let Err(failure) = &ended {
        error!("relief {}: {failure}", relief.name);
    }
    let freed = resident
        .zip(resident_bytes())
        .map_or(0, |(before, after)| before.saturating_sub(after));

    let mut observed = observed.lock();
    let relieved = observed.relieved.iter_mut();
    for (_, relieved) in relieved.filter(|(name, _)| *name == relief.name) {
        relieved.calls += 1;
        relieved.failures += u64::from(ended.is_err());
        relieved.freed_bytes += freed;
    }
}

/// Two marks instead of one, so that memory that hovers at a mark does not call for relief again and again.
fn is_under_pressure(before: bool, usage: &Usage, marks: &Marks) -> bool {
    let share = usage.share();
    let stalls = usage
        .stalled_percent
        .is_some_and(|percent| percent >= STALLED_PERCENT_MAX);
    share >= marks.high || (share >= marks.low && (before || stalls))
}

static USED: Metric = Metric::gauge(
    "memory.used_bytes",
    "Memory in use, of that which is limited.",
);
static UNDER_PRESSURE: Metric = Metric::gauge(
    "memory.under_pressure",
    "Whether so much is used that what can be freed is freed.",
);
static TIMES: Metric = Metric::counter("memory.pressures", "Times that this began.");
static STALLED: Metric = Metric::gauge(
    "memory.stalled_ratio",
    "Share of the last ten seconds in which some task waited for memory.",
);
static CALLS: Metric = Metric::counter("relief.calls", "Calls for relief.");
static FAILURES: Metric = Metric::counter(
    "relief.failures",
    "Calls for relief that panicked or took too long.",
);
static FREED: Metric = Metric::counter(
    "relief.freed_bytes",
    "Bytes by which the process was smaller after a call for relief.",
);

/// Tells of the monitor.
pub(crate) fn source(observed: Arc<Observed>) -> Source {
    let metrics = vec![
        &USED,
        &UNDER_PRESSURE,
        &TIMES,
        &STALLED,
        &CALLS,
        &FAILURES,
        &FREED,
    ];
    Source::new("memory", metrics, move || {
        let told = readings(&observed.lock());
        async move { Ok(told) }
    })
}

fn readings(observed: &Inner) -> Vec<Reading> {
    let mut readings = Vec::new();
    if let Some(usage) = observed.usage {
        let used = Reading::new(&USED, usage.used as f64).label("scope", usage.scope.word());
        readings.push(used.limit(usage.limit as f64));
        let stalled = usage.stalled_percent.map(|percent| percent / 100.0);
        readings.extend(stalled.map(|share| Reading::new(&STALLED, share)));
    }
    let under_pressure = f64::from(u8::from(observed.under_pressure));
    readings.push(Reading::new(&UNDER_PRESSURE, under_pressure));
    readings.push(Reading::new(&TIMES, observed.times as f64));
    for (name, relieved) in &observed.relieved {
        let counts = [
            (&CALLS, relieved.calls),
            (&FAILURES, relieved.failures),
            (&FREED, relieved.freed_bytes),
        ];
        for (metric, count) in counts {
            readings.push(Reading::new(metric, count as f64).label("relief", name));
        }
    }
    readings
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::memory::Scope;

    fn at(share: f64, stalled: Option<f64>) -> Usage {
        Usage {
            used: (share * 1000.0) as u64,
            limit: 1000,
            scope: Scope::Cgroup,
            stalled_percent: stalled,
        }
    }

    #[test]
    fn pressure_begins_at_the_high_mark_and_ends_below_the_low_one() {
        let marks = Marks::default();
        let mut under = false;
        let shares = [0.70, 0.80, 0.86, 0.80, 0.76, 0.74, 0.80];
        let course = shares.map(|share| {
            under = is_under_pressure(under, &at(share, None), &marks);
            under
        });
        assert_eq!(course, [false, false, true, true, true, false, false]);
    }

    #[test]
    fn tasks_that_wait_for_memory_call_for_relief_earlier_but_not_from_an_empty_one() {
        let marks = Marks::default();
        assert!(is_under_pressure(false, &at(0.76, Some(10.0)), &marks));
        assert!(!is_under_pressure(false, &at(0.76, Some(9.0)), &marks));
        assert!(!is_under_pressure(false, &at(0.50, Some(90.0)), &marks));
    }

    #[tokio::test(start_paused = true)]
    async fn a_relief_that_panics_or_hangs_keeps_no_other_from_its_work() {
        let called = Arc::new(AtomicU64::new(0));
        let counted = called.clone();
        let reliefs = vec![
            Relief {
                name: "panics",
                call: Call::new(|| async { panic!("on purpose") }),
            },
            Relief {
                name: "hangs",
                call: Call::new(std::future::pending),
            },
            Relief {
                name: "works",
                call: Call::new(move || {
                    counted.fetch_add(1, Ordering::Relaxed);
                    async {}
                }),
            },
        ];
        let memory = Memory::of_this_process(None);
        let mut monitor = Monitor::new(memory, Marks::default(), reliefs);

        monitor.look(at(0.9, None)).await;
        monitor.look(at(0.8, None)).await;
        monitor.look(at(0.7, None)).await;
        assert_eq!(called.load(Ordering::Relaxed), 2);
        let observed = monitor.observed();
        let observed = observed.lock();
        assert_eq!((observed.times, observed.under_pressure), (1, false));
        let failures: Vec<_> = observed
            .relieved
            .iter()
            .map(|(name, done)| (*name, done.calls, done.failures))
            .collect();
        assert_eq!(
            failures,
            [("panics", 2, 2), ("hangs", 2, 2), ("works", 2, 0)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_monitor_looks_at_once_and_then_in_its_rhythm() {
        let called = Arc::new(AtomicU64::new(0));
        let counted = called.clone();
        let relief = Relief {
            name: "works",
            call: Call::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                async {}
            }),
        };
        // One byte is always used up.
        let memory = Memory::of_this_process(Some(1));
        let monitor = Monitor::new(memory, Marks::default(), vec![relief]);
        let running = tokio::spawn(monitor.run());
        tokio::time::sleep(Duration::from_secs(61)).await;
        running.abort();
        assert_eq!(called.load(Ordering::Relaxed), 3);
    }
}
