//! Runs the jobs, both sides in alternating order and one process at a time, and keeps what each gave.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::controls::{self, Canary, Control};
use crate::figures::{self, Budgets, HEAP, Series};
use crate::interrupt::Interrupt;
use crate::plan::{ControlJobs, EXTENSIONS_MAX, Job, order};
use crate::progress::{Progress, Voice};
use crate::protocol::Side;
use crate::record::Record;
use crate::stats::{Growth, Slope, growth, slope};
use crate::verdict::{Ended, overall, trend, untold};
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
        let ended = |side| {
            self.of(side)
                .map_or(Ended::Stopped, |ran| ran.ended(&self.job.budgets))
        };
        let [upstream, patched] = untold(ended(Side::Upstream), ended(Side::Patched));
        let (untold, ran) = match side {
            Side::Upstream => (upstream, self.upstream.last()),
            Side::Patched => (patched, self.patched.last()),
        };
        untold && ran.is_some_and(|ran| ran.samples.iter().any(|one| one.heap_bytes.is_some()))
    }
}

/// What the controls gave, each on the patched side.
#[derive(Debug)]
pub struct Controls {
    pub canaries: Vec<(Canary, Measured)>,
    pub pair: [Measured; 2],
}

/// Everything that was measured, and when.
#[derive(Debug)]
pub struct Run {
    pub started: SystemTime,
    pub took: Duration,
    pub controls: Controls,
    pub measured: Vec<Measured>,
    pub interrupted: bool,
}

/// Runs all jobs. An interrupt ends the running child and leaves the rest out; a failed child is a result like another.
///
/// A side that keeps a scenario from being told is looked at again with twice the events, at most [`EXTENSIONS_MAX`]
/// times, and only the last look counts. A look errs towards flat once in forty times where the growth is the budget
/// itself, and less the further it lies above; all of them together at most three times as often.
///
/// The controls come first, and are measured again in the same way.
pub fn run(
    jobs: Vec<Job>,
    controls: ControlJobs,
    workloads: &Workloads,
    record: &mut Record,
    voice: Voice,
    interrupt: &Interrupt,
) -> Run {
    let (started, began) = (SystemTime::now(), Instant::now());
    let mut bench = Bench {
        workloads,
        progress: Progress::new(
            voice,
            jobs.iter()
                .chain(&jobs)
                .chain(controls.canaries.iter().map(|(_, job)| job))
                .chain(&controls.pair),
        ),
        record,
        interrupt,
    };
    let controls = Controls {
        canaries: controls
            .canaries
            .into_iter()
            .map(|(canary, job)| (canary, bench.canary(canary, job)))
            .collect(),
        pair: bench.pair(controls.pair),
    };
    let measured = jobs
        .into_iter()
        .enumerate()
        .map(|(at, job)| bench.measure(job, order(at)))
        .collect();
    bench.progress.finish();
    Run {
        started,
        took: began.elapsed(),
        controls,
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

    /// A canary, until it is told.
    fn canary(&mut self, canary: Canary, job: Job) -> Measured {
        let mut measured = [Measured::new(job)];
        self.until_told(&mut measured, |[measured]| measured.canary(canary));
        let [measured] = measured;
        measured
    }

    /// Both runs of a pair, until they are told apart or found to be one.
    fn pair(&mut self, jobs: [Job; 2]) -> [Measured; 2] {
        let mut pair = jobs.map(Measured::new);
        self.until_told(&mut pair, pair_control);
        pair
    }

    /// A look at each, and again while that cannot be told.
    fn until_told<const N: usize>(
        &mut self,
        all: &mut [Measured; N],
        judge: impl Fn(&[Measured; N]) -> Control,
    ) {
        for look in 0..=EXTENSIONS_MAX {
            let again = look > 0;
            if again && judge(all) != Control::CannotTell {
                return;
            }
            for measured in all.iter_mut() {
                let job = (0..look).fold(measured.job.clone(), |job, _| job.extended());
                if again {
                    self.progress.extend(&job);
                }
                self.look(measured, &job, Side::Patched);
            }
        }
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
        let (name, look) = (&job.label, measured.looks(side).len() + 1);
        progress.begin(job, side);
        let log = record.log(name, side, look);
        let ran = workloads.of(side).run(job, &log, interrupt, |sample| {
            record.sample(name, side, look, sample);
            progress.show(job, side, sample.events);
        });
        Record::tidy(&log);
        progress.end(job, side, ran.ending.trouble().as_deref());
        measured.add(side, ran);
    }
}

impl Measured {
    /// Whether it shows the canary that it is.
    pub fn canary(&self, canary: Canary) -> Control {
        let budget = self.job.budgets.heap_bytes_per_event;
        self.control(|ran| {
            canary.judge(
                ran.heap_slope().map(|slope| slope.growth()).as_ref(),
                budget,
            )
        })
    }

    /// A control of what counts on the patched side.
    fn control(&self, judge: impl FnOnce(&SideRun) -> Control) -> Control {
        match self.of(Side::Patched) {
            None => Control::Stopped,
            Some(ran) => match ran.ending {
                Ending::Done => judge(ran),
                Ending::Dead(_) | Ending::Failed(_) => Control::Failed,
                Ending::Interrupted => Control::Stopped,
            },
        }
    }
}

/// Whether the two runs of a pair differ.
pub fn pair_control(pair: &[Measured; 2]) -> Control {
    let budget = pair[0].job.budgets.heap_bytes_per_event;
    let difference = pair_difference(pair);
    let judge = |_: &SideRun| controls::pair(difference.as_ref(), budget);
    controls::worst(pair.iter().map(|one| one.control(judge)))
}

/// By how much the first run of a pair grows more than the second.
pub fn pair_difference(pair: &[Measured; 2]) -> Option<Growth> {
    let [first, second] = [0, 1].map(|at| pair[at].of(Side::Patched)?.heap_slope());
    Some(first?.minus(&second?))
}

impl SideRun {
    /// The slope of the live heap after the warm-up.
    pub fn heap_slope(&self) -> Option<Slope> {
        self.settled().get(HEAP).and_then(|heap| slope(heap))
    }

    /// The figures after the warm-up. None of a run that failed: what a failing process held is no measure of the scenario.
    pub fn settled(&self) -> BTreeMap<String, Series> {
        match (&self.ending, &self.hello) {
            (Ending::Done | Ending::Dead(_) | Ending::Interrupted, Some(hello)) => {
                figures::settled(&self.samples, hello.warmup_events)
            }
            (Ending::Failed(_), _) | (_, None) => BTreeMap::new(),
        }
    }

    /// How it ended, with its figures against their budgets.
    pub fn ended(&self, budgets: &Budgets) -> Ended {
        match self.ending {
            Ending::Done => {
                let settled = self.settled();
                let trends = settled.iter().filter_map(|(name, series)| {
                    let trend = trend(growth(series).as_ref(), budgets.of(name)?);
                    (name != HEAP).then_some(trend)
                });
                let heap = settled.get(HEAP).and_then(|series| growth(series));
                let heap = trend(heap.as_ref(), budgets.heap_bytes_per_event);
                Ended::Whole(overall(heap, trends))
            }
            Ending::Dead(_) => Ended::Dead,
            Ending::Failed(_) => Ended::Failed,
            Ending::Interrupted => Ended::Stopped,
        }
    }
}
