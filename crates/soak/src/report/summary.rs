//! The result of a run as data: what `summary.json` holds, and what table, notes and plots are made from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{spark, units};
use crate::baseline::{Baseline, Compared};
use crate::claim::Claim;
use crate::controls::{self, Canary, Control};
use crate::figures::{HEAP, Series};
use crate::host::Host;
use crate::plan::Job;
use crate::protocol::{Death, Sample, Side};
use crate::run::{self, Controls, Measured, Run};
use crate::stats::{Growth, Shape, Slope, growth, shape, slope};
use crate::verdict::{Ended, Trend, Verdict, exit_code, is_claimed, judge, overall, trend};
use crate::workload::{Ending, SideRun};

/// Raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub schema: u32,
    pub run: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// How long the soak itself took, without building.
    pub seconds: f64,
    pub seed: u64,
    /// What was run: the name of a plan, or a file.
    pub plan: String,
    pub interrupted: bool,
    pub exit_code: u8,
    /// The command that repeats it.
    pub replay: String,
    /// Which commit of the checkout it was run from, if from one.
    pub commit: Option<String>,
    pub host: Host,
    pub upstream: Build,
    pub patched: Build,
    pub controls: ControlsSummary,
    pub scenarios: Vec<ScenarioSummary>,
    /// Those that are marked fixed, in the order of docs/DEFECTS.md. Empty outside a checkout.
    pub defects: Vec<DefectSummary>,
    /// Beside an earlier run, where one was named.
    pub baseline: Option<BaselineSummary>,
}

/// A defect that is marked fixed, and what shows that.
#[derive(Debug, Clone, Serialize)]
pub struct DefectSummary {
    pub defect: String,
    /// The scenarios of this run that it would make grow. None: its tests alone show it.
    pub scenarios: Vec<String>,
    /// The worst of theirs. One that also waits for another defect is open for this one, too.
    pub verdict: Option<Verdict>,
    /// How many tests the changes that claim it name.
    pub tests: usize,
    /// Whether no test can fail without them: they add API, or mend what does not compile.
    pub is_exempt: bool,
    /// How many of those tests `cargo soak mutate` has seen fail without them.
    pub tests_seen_failing: usize,
}

/// How the patched side has changed since an earlier run.
#[derive(Debug, Clone, Serialize)]
pub struct BaselineSummary {
    pub run: String,
    pub scenarios: Vec<Compared>,
}

/// Whether the instrument could be trusted in this run.
#[derive(Debug, Clone, Serialize)]
pub struct ControlsSummary {
    /// The worst of them.
    pub verdict: Control,
    /// Empty where the workload has none.
    pub canaries: Vec<CanarySummary>,
    pub pair: PairSummary,
}

/// A leak of a known size.
#[derive(Debug, Clone, Serialize)]
pub struct CanarySummary {
    pub canary: Canary,
    pub leak_bytes_per_event: Option<u64>,
    pub budget_bytes_per_event: f64,
    pub events: u64,
    /// What was seen of it.
    pub heap_growth: Option<Growth>,
    pub verdict: Control,
    pub failure: Option<String>,
}

/// The patched side measured twice.
#[derive(Debug, Clone, Serialize)]
pub struct PairSummary {
    pub scenario: String,
    pub budget_bytes_per_event: f64,
    pub events: u64,
    /// Of live heap, in bytes per event.
    pub difference: Option<Growth>,
    /// No smaller difference between two sides can be shown here.
    pub noise_floor_bytes_per_event: Option<f64>,
    pub verdict: Control,
    pub failure: Option<String>,
}

/// One of the two binaries.
#[derive(Debug, Clone, Serialize)]
pub struct Build {
    pub sha256: String,
    /// The measured crates, as the workload names them.
    pub versions: BTreeMap<String, String>,
}

/// One scenario.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioSummary {
    pub name: String,
    pub about: String,
    pub event: String,
    /// The most that a side was measured with, of what counts.
    pub events: u64,
    pub budget_bytes_per_event: f64,
    /// What descriptors, sockets, threads and tasks may grow by, each, per event.
    pub budget_counts_per_event: f64,
    pub defects: Vec<String>,
    /// Those of the defects that no change in a series claims to fix.
    pub open: Vec<String>,
    pub verdict: Verdict,
    /// Missing where it was not reached.
    pub upstream: Option<SideSummary>,
    pub patched: Option<SideSummary>,
    /// Every figure that a side's samples have after the warm-up, by name.
    pub figures: BTreeMap<String, FigureSummary>,
}

/// What became of one figure, per event, on both sides.
#[derive(Debug, Clone, Serialize)]
pub struct FigureSummary {
    /// None for a figure that is told but not judged.
    pub budget_per_event: Option<f64>,
    pub upstream: Option<Course>,
    pub patched: Option<Course>,
    /// How much more upstream grows than the patched side.
    pub difference: Option<Growth>,
}

/// The course of a figure on one side.
#[derive(Debug, Clone, Serialize)]
pub struct Course {
    /// Missing where too few samples have the figure.
    pub growth: Option<Growth>,
    /// Against the budget, where it has one.
    pub trend: Option<Trend>,
    pub shape: Shape,
}

/// One side of a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct SideSummary {
    /// How many events it was measured with, where that counts.
    pub events: u64,
    /// The shorter looks that could not tell, and so do not count.
    pub inconclusive: Vec<Look>,
    pub ending: EndingWord,
    /// What went wrong, in one line.
    pub failure: Option<String>,
    /// Since when, and how one saw it, where what it measured has died.
    pub death: Option<Death>,
    pub seconds: f64,
    pub samples: usize,
    /// Samples before this many events are not part of the growth.
    pub warmup_events: Option<u64>,
    /// Live heap, in bytes per event.
    pub heap_growth: Option<Growth>,
    /// Of the live heap, or of another figure that clearly exceeds its budget.
    pub trend: Trend,
    /// The course of the live heap in a word.
    pub shape: Option<Shape>,
    /// The figures that clearly exceed their budgets.
    pub grows: Vec<String>,
    /// Live heap over events, on one scale with the other side. Empty for a run that failed.
    pub spark: String,
}

/// A measurement that could not tell, and was made again with more events.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    pub events: u64,
    pub seconds: f64,
    /// Live heap, in bytes per event.
    pub heap_growth: Option<Growth>,
}

/// How a side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndingWord {
    Done,
    Dead,
    Failed,
    Interrupted,
}

/// What a summary needs to know beside the run itself.
#[derive(Debug)]
pub struct Facts {
    pub id: String,
    pub seed: u64,
    pub plan: String,
    pub replay: String,
    pub commit: Option<String>,
    pub host: Host,
    /// The SHA-256 of the two binaries.
    pub digests: (String, String),
    /// The defects that changes claim fixed.
    pub claimed: BTreeSet<String>,
    /// Those that docs/DEFECTS.md marks fixed.
    pub claims: Vec<Claim>,
    pub baseline: Option<Baseline>,
}

impl Summary {
    /// Judges the run.
    pub fn new(run: &Run, facts: Facts) -> Self {
        let scenarios: Vec<_> = run
            .measured
            .iter()
            .map(|measured| ScenarioSummary::new(measured, &facts.claimed))
            .collect();
        let verdicts: Vec<_> = scenarios.iter().map(|scenario| scenario.verdict).collect();
        let controls = ControlsSummary::new(&run.controls);
        let baseline = facts.baseline.map(|baseline| BaselineSummary {
            scenarios: scenarios
                .iter()
                .filter_map(|row| {
                    let now = row.patched.as_ref().and_then(|side| side.heap_growth);
                    baseline.compare(&row.name, now)
                })
                .collect(),
            run: baseline.run,
        });
        let build = |side, sha256| Build {
            sha256,
            versions: versions(run, side),
        };
        Self {
            schema: SCHEMA,
            run: facts.id,
            started: humantime::format_rfc3339_seconds(run.started).to_string(),
            seconds: run.took.as_secs_f64(),
            seed: facts.seed,
            plan: facts.plan,
            interrupted: run.interrupted,
            exit_code: exit_code(&verdicts, controls.verdict, run.interrupted),
            replay: facts.replay,
            commit: facts.commit,
            host: facts.host,
            upstream: build(Side::Upstream, facts.digests.0),
            patched: build(Side::Patched, facts.digests.1),
            controls,
            defects: facts
                .claims
                .into_iter()
                .map(|claim| DefectSummary::new(claim, &scenarios))
                .collect(),
            scenarios,
            baseline,
        }
    }
}

impl DefectSummary {
    fn new(claim: Claim, scenarios: &[ScenarioSummary]) -> Self {
        let behind = |row: &&ScenarioSummary| row.defects.contains(&claim.defect);
        let rows: Vec<_> = scenarios.iter().filter(behind).collect();
        // From the one that says most against the fix to the one that says most for it.
        let rank = |verdict: &Verdict| match verdict {
            Verdict::Dies => 0,
            Verdict::Grows => 1,
            Verdict::Failed => 2,
            Verdict::CannotTell => 3,
            Verdict::NotShown => 4,
            Verdict::Stopped => 5,
            Verdict::Open => 6,
            Verdict::Lives => 7,
            Verdict::Fixed => 8,
        };
        Self {
            scenarios: rows.iter().map(|row| row.name.clone()).collect(),
            verdict: rows.iter().map(|row| row.verdict).min_by_key(rank),
            tests: claim.tests.len(),
            is_exempt: claim.is_exempt,
            tests_seen_failing: claim.seen_failing,
            defect: claim.defect,
        }
    }
}

impl ControlsSummary {
    fn new(controls: &Controls) -> Self {
        let canaries: Vec<_> = controls
            .canaries
            .iter()
            .map(|(canary, measured)| CanarySummary::new(*canary, measured))
            .collect();
        let pair = PairSummary::new(&controls.pair);
        let all = canaries.iter().map(|canary| canary.verdict);
        Self {
            verdict: controls::worst(all.chain([pair.verdict])),
            canaries,
            pair,
        }
    }
}

impl CanarySummary {
    fn new(canary: Canary, measured: &Measured) -> Self {
        let ran = measured.of(Side::Patched);
        Self {
            canary,
            leak_bytes_per_event: measured.job.leak_bytes,
            budget_bytes_per_event: measured.job.budgets.heap_bytes_per_event,
            events: ran.map_or(measured.job.events, |ran| ran.events),
            heap_growth: ran
                .and_then(SideRun::heap_slope)
                .map(|slope| slope.growth()),
            verdict: measured.canary(canary),
            failure: ran.and_then(|ran| ran.ending.trouble()),
        }
    }
}

impl PairSummary {
    fn new(pair: &[Measured; 2]) -> Self {
        let [job, _] = pair.each_ref().map(|one| &one.job);
        let [first, second] = pair.each_ref().map(|one| one.of(Side::Patched));
        let difference = run::pair_difference(pair);
        Self {
            scenario: job.scenario.name.clone(),
            budget_bytes_per_event: job.budgets.heap_bytes_per_event,
            events: second.map_or(job.events, |ran| ran.events),
            noise_floor_bytes_per_event: difference.as_ref().map(controls::noise_floor),
            difference,
            verdict: run::pair_control(pair),
            failure: [first, second]
                .into_iter()
                .flatten()
                .find_map(|ran| ran.ending.trouble()),
        }
    }
}

impl ScenarioSummary {
    fn new(measured: &Measured, claimed: &BTreeSet<String>) -> Self {
        let Job {
            scenario, budgets, ..
        } = &measured.job;
        let figures = figures(measured);
        let [upstream, patched] = [Side::Upstream, Side::Patched]
            .map(|side| measured.of(side).map(|ran| (ran, judged_heap(ran))));
        let events = [&upstream, &patched]
            .into_iter()
            .flatten()
            .map(|(ran, _)| ran.events)
            .max()
            .unwrap_or(measured.job.events);
        // What stays within the budget over the whole run must not fill the cell.
        let full = [&upstream, &patched]
            .into_iter()
            .flatten()
            .map(|(_, points)| spark::range(points))
            .fold(budgets.heap_bytes_per_event * events as f64, f64::max);
        let [upstream, patched] =
            [(Side::Upstream, upstream), (Side::Patched, patched)].map(|(side, last)| {
                last.map(|(ran, points)| {
                    let spark = spark::line(&points, ran.events, full);
                    SideSummary::new(ran, measured.looks(side), &of_side(&figures, side), spark)
                })
            });
        let ended = |side| {
            measured
                .of(side)
                .map_or(Ended::Stopped, |ran| ran.ended(budgets))
        };
        Self {
            name: scenario.name.clone(),
            about: scenario.about.clone(),
            event: scenario.event.clone(),
            events,
            budget_bytes_per_event: budgets.heap_bytes_per_event,
            budget_counts_per_event: budgets.counts_per_event,
            defects: scenario.defects.clone(),
            open: scenario
                .defects
                .iter()
                .filter(|defect| !claimed.contains(*defect))
                .cloned()
                .collect(),
            verdict: judge(
                is_claimed(&scenario.defects, claimed),
                ended(Side::Upstream),
                ended(Side::Patched),
            ),
            upstream,
            patched,
            figures,
        }
    }

    /// One side.
    pub fn of(&self, side: Side) -> Option<&SideSummary> {
        match side {
            Side::Upstream => self.upstream.as_ref(),
            Side::Patched => self.patched.as_ref(),
        }
    }

    /// Whether a side has died, or has outlived the other: in a word or two, where either did.
    pub fn life(&self, side: Side) -> Option<String> {
        let [own, other] = match side {
            Side::Upstream => [&self.upstream, &self.patched],
            Side::Patched => [&self.patched, &self.upstream],
        };
        match &own.as_ref()?.death {
            Some(death) => Some(format!("dead after {}", units::count(death.events))),
            None if own.as_ref()?.ending != EndingWord::Done => None,
            None => other.as_ref()?.death.as_ref().map(|_| "alive".into()),
        }
    }
}

impl SideSummary {
    fn new(
        ran: &SideRun,
        looks: &[SideRun],
        courses: &BTreeMap<&str, &Course>,
        spark: String,
    ) -> Self {
        let (ending, failure, death) = match &ran.ending {
            Ending::Done => (EndingWord::Done, None, None),
            Ending::Dead(death) => (EndingWord::Dead, None, Some(death.clone())),
            Ending::Failed(failure) => (EndingWord::Failed, Some(failure.to_string()), None),
            Ending::Interrupted => (EndingWord::Interrupted, None, None),
        };
        let heap = courses.get(HEAP);
        let trend_of = |course: &&Course| course.trend.unwrap_or(Trend::CannotTell);
        Self {
            events: ran.events,
            inconclusive: earlier(looks),
            ending,
            failure,
            death,
            seconds: ran.elapsed.as_secs_f64(),
            samples: ran.samples.len(),
            warmup_events: ran.hello.as_ref().map(|hello| hello.warmup_events),
            heap_growth: heap.and_then(|heap| heap.growth),
            trend: overall(
                heap.map_or(Trend::CannotTell, trend_of),
                courses.values().filter_map(|course| course.trend),
            ),
            shape: heap.map(|heap| heap.shape),
            grows: courses
                .iter()
                .filter(|(_, course)| course.trend == Some(Trend::Grows))
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            spark,
        }
    }
}

impl FigureSummary {
    /// One side.
    pub fn of(&self, side: Side) -> Option<&Course> {
        match side {
            Side::Upstream => self.upstream.as_ref(),
            Side::Patched => self.patched.as_ref(),
        }
    }
}

/// Every figure of both sides, from the runs that count.
fn figures(measured: &Measured) -> BTreeMap<String, FigureSummary> {
    let [upstream, patched] = [Side::Upstream, Side::Patched]
        .map(|side| measured.of(side).map(SideRun::settled).unwrap_or_default());
    let names: BTreeSet<_> = upstream.keys().chain(patched.keys()).cloned().collect();
    let figure = |name: String| {
        let budget = measured.job.budgets.of(&name);
        let [upstream, patched] = [upstream.get(&name), patched.get(&name)];
        let slopes = [upstream, patched].map(|series| slope(series?));
        let course = |series: Option<&Series>, slope: &Option<Slope>| {
            let growth = slope.as_ref().map(Slope::growth);
            series.map(|series| Course {
                growth,
                trend: budget.map(|budget| trend(growth.as_ref(), budget)),
                shape: shape(series),
            })
        };
        let summary = FigureSummary {
            budget_per_event: budget,
            upstream: course(upstream, &slopes[0]),
            patched: course(patched, &slopes[1]),
            difference: match &slopes {
                [Some(upstream), Some(patched)] => Some(upstream.minus(patched)),
                _ => None,
            },
        };
        (name, summary)
    };
    names.into_iter().map(figure).collect()
}

fn of_side(figures: &BTreeMap<String, FigureSummary>, side: Side) -> BTreeMap<&str, &Course> {
    figures
        .iter()
        .filter_map(|(name, figure)| Some((name.as_str(), figure.of(side)?)))
        .collect()
}

/// All looks but the last, which counts.
fn earlier(looks: &[SideRun]) -> Vec<Look> {
    let earlier = looks.split_last().map_or(&[][..], |(_, earlier)| earlier);
    earlier
        .iter()
        .map(|ran| Look {
            events: ran.events,
            seconds: ran.elapsed.as_secs_f64(),
            heap_growth: ran.settled().get(HEAP).and_then(|heap| growth(heap)),
        })
        .collect()
}

/// Live heap over events of a run that counts: a failed one is missing, and must not look flat.
fn judged_heap(ran: &SideRun) -> Vec<(u64, f64)> {
    match ran.ending {
        Ending::Failed(_) => Vec::new(),
        Ending::Done | Ending::Dead(_) | Ending::Interrupted => heap(&ran.samples),
    }
}

/// Live heap over events, where it was measured.
pub(super) fn heap(samples: &[Sample]) -> Vec<(u64, f64)> {
    samples
        .iter()
        .filter_map(|sample| Some((sample.events, sample.heap_bytes? as f64)))
        .collect()
}

fn versions(run: &Run, side: Side) -> BTreeMap<String, String> {
    run.measured
        .iter()
        .filter_map(|measured| measured.of(side)?.hello.as_ref())
        .flat_map(|hello| hello.versions.clone())
        .collect()
}
