//! Runs the jobs, both sides in alternating order and one process at a time, and keeps what each gave.

use std::fs;
use std::time::SystemTime;

use crate::interrupt::Interrupt;
use crate::plan::{EXTENSIONS_MAX, Job, order};
use crate::progress::Progress;
use crate::protocol::{Sample, Side};
use crate::record::Record;
use crate::stats::{Growth, growth};
use crate::verdict::{Ended, trend, untold};
use crate::workload::{Ending, SideRun, Workload};

/// The two binaries.
#[derive(Debug, Clone)]
pub struct Workloads {
    pub upstream: Workload,
    pub patched: Workload,
}

impl Workloads {
    /// The one of a side.
    pub fn of(&self, side: Side) -> &Workload {
        match side {
            Side::Upstream => &self.upstream,
            Side::Patched => &self.patched,
        }
    }
}

/// What a job gave: the looks at each side, the last of which counts. A side that was not reached has none.
#[derive(Debug)]
pub struct Measured {
    pub job: Job,
    pub upstream: Vec<SideRun>,
    pub patched: Vec<SideRun>,
}

impl Measured {
    fn new(job: Job) -> Self {
        Self {
            job,
            upstream: Vec::new(),
            patched: Vec::new(),
        }
    }

    /// What counts of a side: its last and longest look.
    pub fn of(&self, side: Side) -> Option<&SideRun> {
        self.looks(side).last()
    }

    /// Every look at a side, each with twice the events of the one before.
    pub fn looks(&self, side: Side) -> &[SideRun] {
        match side {
            Side::Upstream => &self.upstream,
            Side::Patched => &self.patched,
        }
    }

    fn add(&mut self, side: Side, ran: SideRun) {
        match side {
            Side::Upstream => self.upstream.push(ran),
            Side::Patched => self.patched.push(ran),
        }
    }

    /// Whether more events on this side may tell what cannot be told yet. No number of events brings a figure that the
    /// workload does not give.
    fn is_untold(&self, side: Side) -> bool {
        let budget = self.job.scenario.budget_bytes_per_event;
        let ended = |side| {
            self.of(side)
                .map_or(Ended::Stopped, |ran| ran.ended(budget))
        };
        let [upstream, patched] = untold(ended(Side::Upstream), ended(Side::Patched));
        let (untold, ran) = match side {
            Side::Upstream => (upstream, self.upstream.last()),
            Side::Patched => (patched, self.patched.last()),
        };
        untold && ran.is_some_and(|ran| ran.samples.iter().any(|one| one.heap_bytes.is_some()))
    }
}

/// Everything that was measured, and when.
#[derive(Debug)]
pub struct Run {
    pub started: SystemTime,
    pub measured: Vec<Measured>,
    pub interrupted: bool,
}

/// Runs all jobs. An interrupt ends the running child and leaves the rest out; a failed child is a result like another.
///
/// A side that keeps a scenario from being told is looked at again with twice the events, at most [`EXTENSIONS_MAX`]
/// times, and only the last look counts. A look errs towards flat once in forty times where the growth is the budget
/// itself, and less the further it lies above; all of them together at most three times as often.
pub fn run(
    jobs: Vec<Job>,
    workloads: &Workloads,
    record: &mut Record,
    interrupt: &Interrupt,
) -> Run {
    let started = SystemTime::now();
    let mut bench = Bench {
        workloads,
        progress: Progress::new(&jobs),
        record,
        interrupt,
    };
    let measured = jobs
        .into_iter()
        .enumerate()
        .map(|(at, job)| bench.measure(job, order(at)))
        .collect();
    bench.progress.finish();
    Run {
        started,
        measured,
        interrupted: interrupt.is_set(),
    }
}

/// What jobs are run with.
struct Bench<'a> {
    workloads: &'a Workloads,
    progress: Progress,
    record: &'a mut Record,
    interrupt: &'a Interrupt,
}

impl Bench<'_> {
    /// Both sides of a job, and again those that cannot be told.
    fn measure(&mut self, job: Job, order: [Side; 2]) -> Measured {
        let mut measured = Measured::new(job);
        let mut look = measured.job.clone();
        for side in order {
            self.look(&mut measured, &look, side);
        }
        for _ in 0..EXTENSIONS_MAX {
            look = look.extended();
            for side in order {
                if measured.is_untold(side) && !self.interrupt.is_set() {
                    self.progress.extend(&look);
                    self.look(&mut measured, &look, side);
                }
            }
        }
        measured
    }

    /// One run of a side, as large as `job` says.
    fn look(&mut self, measured: &mut Measured, job: &Job, side: Side) {
        if self.interrupt.is_set() {
            return;
        }
        let Self {
            workloads,
            progress,
            record,
            interrupt,
        } = self;
        let (name, look) = (&job.scenario.name, measured.looks(side).len() + 1);
        progress.begin(job, side);
        let log = record.log(name, side, look);
        let ran = workloads.of(side).run(job, &log, interrupt, |sample| {
            record.sample(name, side, look, sample);
            progress.show(job, side, sample.events);
        });
        if fs::metadata(&log).is_ok_and(|log| log.len() == 0) {
            // Nothing was said; an empty file would only be in the way.
            let _ = fs::remove_file(&log);
        }
        let trouble = match &ran.ending {
            Ending::Failed(failure) => Some(failure.to_string()),
            Ending::Done | Ending::Interrupted => None,
        };
        progress.end(job, side, trouble.as_deref());
        measured.add(side, ran);
    }
}

impl SideRun {
    /// How it ended, with its live heap against a budget in bytes per event.
    pub fn ended(&self, budget: f64) -> Ended {
        match self.ending {
            Ending::Done => {
                let growth = self.growth_of(|sample| sample.heap_bytes);
                Ended::Whole(trend(growth.as_ref(), budget))
            }
            Ending::Failed(_) => Ended::Failed,
            Ending::Interrupted => Ended::Stopped,
        }
    }

    /// The growth of a figure per event, over the samples after the warm-up that have it. None for a run that failed:
    /// what a failing process held is no measure of the scenario.
    pub fn growth_of(&self, figure: impl Fn(&Sample) -> Option<u64>) -> Option<Growth> {
        if matches!(self.ending, Ending::Failed(_)) {
            return None;
        }
        let warm = self.hello.as_ref()?.warmup_events;
        let points: Vec<_> = self
            .samples
            .iter()
            .filter(|sample| sample.events >= warm)
            .filter_map(|sample| Some((sample.events as f64, figure(sample)? as f64)))
            .collect();
        growth(&points)
    }
}
