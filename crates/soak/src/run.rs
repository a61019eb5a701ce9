//! Runs the jobs, both sides in alternating order and one process at a time, and keeps what each gave.

use std::fs;
use std::time::SystemTime;

use crate::interrupt::Interrupt;
use crate::plan::{Job, order};
use crate::progress::Progress;
use crate::protocol::{Sample, Side};
use crate::record::Record;
use crate::stats::{Growth, growth};
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

/// What a job gave. A side that was not reached is missing.
#[derive(Debug)]
pub struct Measured {
    pub job: Job,
    pub upstream: Option<SideRun>,
    pub patched: Option<SideRun>,
}

impl Measured {
    /// What a side gave.
    pub fn of(&self, side: Side) -> Option<&SideRun> {
        match side {
            Side::Upstream => self.upstream.as_ref(),
            Side::Patched => self.patched.as_ref(),
        }
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
pub fn run(
    jobs: Vec<Job>,
    workloads: &Workloads,
    record: &mut Record,
    interrupt: &Interrupt,
) -> Run {
    let started = SystemTime::now();
    let mut progress = Progress::new(&jobs);
    let mut measured = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.into_iter().enumerate() {
        let mut both = Measured {
            job,
            upstream: None,
            patched: None,
        };
        for side in order(at) {
            if !interrupt.is_set() {
                let ran = run_side(
                    &both.job,
                    workloads.of(side),
                    record,
                    &mut progress,
                    interrupt,
                );
                match side {
                    Side::Upstream => both.upstream = Some(ran),
                    Side::Patched => both.patched = Some(ran),
                }
            }
        }
        measured.push(both);
    }
    progress.finish();
    Run {
        started,
        measured,
        interrupted: interrupt.is_set(),
    }
}

fn run_side(
    job: &Job,
    workload: &Workload,
    record: &mut Record,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> SideRun {
    let (name, side) = (&job.scenario.name, workload.side);
    progress.begin(job, side);
    let log = record.log(name, side);
    let ran = workload.run(job, &log, interrupt, |sample| {
        record.sample(name, side, sample);
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
    ran
}

impl SideRun {
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
