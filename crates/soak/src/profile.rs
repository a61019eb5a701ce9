//! Who holds what grows: heap profiles of each scenario, and the stacks in them that grew most.
//!
//! Apart from a run that is judged. With its profiler on, the allocator gives every allocation that it samples pages of its
//! own, so its figures are not those of the crates, and there is no verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use crate::heap::{Compared, HeapProfile, Held};
use crate::interrupt::Interrupt;
use crate::plan::{Job, Limits};
use crate::progress::{Progress, Voice};
use crate::protocol::Side;
use crate::record::Record;
use crate::run::Workloads;
use crate::symbols::Symbols;
use crate::workload::{Ending, SideRun};

/// What a workload is told by its environment: to take samples from the first allocation on, one in 2 KiB on average.
/// jemalloc under its own name and as Rust links it.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    ("MALLOC_CONF", "prof:true,lg_prof_sample:11"),
    ("_RJEM_MALLOC_CONF", "prof:true,lg_prof_sample:11"),
];

/// What has grown by fewer standard errors is not told: of some hundred stacks, none should be by chance.
const ERRORS_MIN: f64 = 4.0;

/// How many stacks are named.
const STACKS: usize = 5;

/// How many frames of a stack are named, from the innermost.
const FRAMES: usize = 4;

/// How many times longer than unprofiled a run may take.
const SLOWER: u32 = 4;

/// The profiles of a whole run.
#[derive(Debug)]
pub struct Profiled {
    pub started: SystemTime,
    pub took: Duration,
    pub scenarios: Vec<Scenario>,
    pub interrupted: bool,
}

/// Those of one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Scenario {
    pub name: String,
    pub event: String,
    pub events: u64,
    /// Missing where it was not reached.
    pub upstream: Option<SideProfile>,
    pub patched: Option<SideProfile>,
}

/// What has grown on one side from the end of the warm-up to the last event.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SideProfile {
    /// Events between the two profiles.
    pub events: u64,
    /// The stacks that grew most, most first; none where nothing grew by as much as can be told.
    pub holders: Vec<Holder>,
    /// What went wrong, in one line.
    pub failure: Option<String>,
    pub seconds: f64,
    /// The measured crates, as the workload names them.
    pub versions: BTreeMap<String, String>,
}

/// A stack that holds more than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holder {
    pub bytes_per_event: f64,
    /// Its standard error, for only some of all allocations are sampled.
    pub error_bytes_per_event: f64,
    /// Functions of the crates that are told, innermost first. Empty where none of them is in the stack.
    pub frames: Vec<String>,
}

impl Scenario {
    /// One side.
    pub fn of(&self, side: Side) -> Option<&SideProfile> {
        match side {
            Side::Upstream => self.upstream.as_ref(),
            Side::Patched => self.patched.as_ref(),
        }
    }
}

impl Profiled {
    /// 0 where every side was profiled, 130 where the user stopped it, 2 else.
    pub fn exit_code(&self) -> u8 {
        let whole = |scenario: &Scenario| {
            [Side::Upstream, Side::Patched].iter().all(|side| {
                let side = scenario.of(*side);
                side.is_some_and(|side| side.failure.is_none())
            })
        };
        match (self.interrupted, self.scenarios.iter().all(whole)) {
            (true, _) => 130,
            (false, true) => 0,
            (false, false) => 2,
        }
    }
}

/// Runs all jobs once a side, with a profiler. `crates`: whose functions are told, beside those of the crates that a workload
/// says it measures and of the workload itself.
pub fn run(
    jobs: Vec<Job>,
    workloads: &Workloads,
    crates: &BTreeSet<String>,
    record: &mut Record,
    voice: Voice,
    interrupt: &Interrupt,
) -> Profiled {
    let (started, began) = (SystemTime::now(), Instant::now());
    let jobs: Vec<_> = jobs.into_iter().map(slower).collect();
    let mut progress = Progress::new(voice, jobs.iter().chain(&jobs));
    let mut scenarios = Vec::new();
    for job in jobs {
        let mut side = |side| {
            if interrupt.is_set() {
                return None;
            }
            progress.begin(&job, side);
            let profiled = side_of(
                &job,
                side,
                workloads,
                crates,
                record,
                |events| {
                    progress.show(&job, side, events);
                },
                interrupt,
            );
            progress.end(&job, side, profiled.failure.as_deref());
            Some(profiled)
        };
        scenarios.push(Scenario {
            upstream: side(Side::Upstream),
            patched: side(Side::Patched),
            name: job.scenario.name.clone(),
            event: job.scenario.event.clone(),
            events: job.events,
        });
    }
    progress.finish();
    Profiled {
        started,
        took: began.elapsed(),
        scenarios,
        interrupted: interrupt.is_set(),
    }
}

fn slower(job: Job) -> Job {
    let Limits { total, quiet } = job.limits;
    let more = |limit: Duration| limit.saturating_mul(SLOWER);
    Job {
        limits: Limits {
            total: more(total),
            quiet: more(quiet),
        },
        ..job
    }
}

/// A run of one side, and what its profiles say.
fn side_of(
    job: &Job,
    side: Side,
    workloads: &Workloads,
    crates: &BTreeSet<String>,
    record: &mut Record,
    mut on_events: impl FnMut(u64),
    interrupt: &Interrupt,
) -> SideProfile {
    let name = &job.label;
    let workload = workloads.of(side);
    let folder = match record.folder(&format!("heap-{name}-{side}")) {
        Ok(folder) => folder,
        Err(error) => {
            return SideProfile {
                failure: Some(error.to_string()),
                ..SideProfile::default()
            };
        }
    };
    let job = Job {
        heaps: Some(folder.clone()),
        ..job.clone()
    };
    let log = record.log(name, side, 1);
    let ran = workload.run(&job, &log, interrupt, |sample| {
        record.sample(name, side, 1, sample);
        on_events(sample.events);
    });
    Record::tidy(&log);
    let held = held(&ran, &folder, &workload.program, crates);
    let events = between(&ran);
    let (holders, failure) = match held {
        Ok(holders) => (holders, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    SideProfile {
        events,
        holders,
        failure,
        seconds: ran.elapsed.as_secs_f64(),
        versions: ran.hello.map(|hello| hello.versions).unwrap_or_default(),
    }
}

/// How many events lie between the two profiles: they are taken at the first sample after the warm-up and at the last.
fn between(ran: &SideRun) -> u64 {
    let warm_up = ran.hello.as_ref().map_or(0, |hello| hello.warmup_events);
    let mut settled = ran.samples.iter().map(|sample| sample.events);
    let first = settled.find(|events| *events >= warm_up);
    ran.events - first.unwrap_or(ran.events)
}

fn held(
    ran: &SideRun,
    folder: &Path,
    program: &Path,
    crates: &BTreeSet<String>,
) -> Result<Vec<Holder>, String> {
    match &ran.ending {
        Ending::Done => {}
        Ending::Failed(failure) => return Err(failure.to_string()),
        Ending::Dead(death) => return Err(death.to_string()),
        Ending::Interrupted => return Err("was stopped".into()),
    }
    let read = |name: &str| {
        let path = folder.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("wrote no heap profile {}: {error}", path.display()))?;
        HeapProfile::parse(&text)
    };
    let (start, end) = (read("start.heap")?, read("end.heap")?);
    // As the kernel names it in the profile.
    let program = program
        .canonicalize()
        .map_err(|error| format!("no program {}: {error}", program.display()))?;
    let symbols = Symbols::of(&program)?;
    let program = program.to_string_lossy();
    let measured = ran.hello.iter().flat_map(|hello| hello.versions.keys());
    let told: BTreeSet<_> = measured
        .chain(crates)
        .map(|name| name.replace('-', "_"))
        .collect();
    let mut known = BTreeMap::new();
    let named = |address: u64| {
        let name = || match end.place_in(&program, address) {
            Some(place) => symbols.functions(place),
            None => Vec::new(),
        };
        known.entry(address).or_insert_with(name).clone()
    };
    let events = between(ran).max(1) as f64;
    Ok(holders(&end.since(&start), end.every(), named, &told)
        .into_iter()
        .map(|(frames, held)| Holder {
            bytes_per_event: held.growth() / events,
            error_bytes_per_event: held.error(end.every()) / events,
            frames,
        })
        .collect())
}

/// The stacks that grew most, by more than chance, each cut to the functions of the crates in `told` and of the program's
/// own crate.
fn holders(
    compared: &[Compared],
    every: f64,
    mut named: impl FnMut(u64) -> Vec<String>,
    told: &BTreeSet<String>,
) -> Vec<(Vec<String>, Held)> {
    let stacks: Vec<(Vec<String>, Held)> = compared
        .iter()
        .map(|(stack, held)| (stack.iter().flat_map(|at| named(*at)).collect(), *held))
        .collect();
    let mut told = told.clone();
    told.extend(
        stacks
            .iter()
            .flat_map(|(names, _)| names)
            .filter_map(|name| {
                let own = name.strip_suffix("::main")?;
                (own == crate_of(own)).then(|| own.to_owned())
            }),
    );
    let mut sums: BTreeMap<Vec<String>, Held> = BTreeMap::new();
    for (names, held) in stacks {
        let mut frames: Vec<_> = names
            .iter()
            .filter(|name| told.contains(crate_of(name)))
            .map(|name| without_closures(name))
            .collect();
        frames.dedup();
        frames.truncate(FRAMES);
        let sum = sums.entry(frames).or_default();
        sum.before += held.before;
        sum.after += held.after;
    }
    let mut most: Vec<_> = sums
        .into_iter()
        .filter(|(_, held)| held.growth() > ERRORS_MIN * held.error(every))
        .collect();
    most.sort_by(|(_, left), (_, right)| right.growth().total_cmp(&left.growth()));
    most.truncate(STACKS);
    most
}

/// The crate that a function's name begins with: `net` of `net::peers::learn` and of `<net::Peers as Drop>::drop`.
fn crate_of(name: &str) -> &str {
    let name = name.trim_start_matches(['<', '&', '(', '[', '*', ' ']);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    &name[..end.unwrap_or(name.len())]
}

/// A function's name without the closures in it, which every `async fn` has one of: `net::run` of `net::run::{{closure}}`
/// and of `net::run::{closure#0}`.
fn without_closures(name: &str) -> String {
    name.split("::")
        .filter(|part| !part.starts_with("{{closure}}") && !part.starts_with("{closure#"))
        .collect::<Vec<_>>()
        .join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> BTreeSet<String> {
        BTreeSet::from(["p2panda_net".to_owned()])
    }

    /// Every address is one function, or an inlined one and its caller.
    fn named(address: u64) -> Vec<String> {
        let names: &[&str] = match address {
            1 => &["alloc::vec::Vec<T>::push"],
            2 => &[
                "p2panda_net::peers::learn::{{closure}}",
                "p2panda_net::peers::learn",
            ],
            3 => &["<p2panda_net::Engine<S> as core::future::Future>::poll::{closure#3}"],
            4 => &["tokio::runtime::block_on"],
            5 => &["churn::scenarios::canary::leak"],
            6 => &["churn::main"],
            _ => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn held(before: f64, after: f64) -> Held {
        Held { before, after }
    }

    /// As bytes of which every one was sampled.
    fn found(compared: &[Compared]) -> Vec<(Vec<String>, Held)> {
        holders(compared, 1.0, named, &told())
    }

    #[test]
    fn a_stack_is_told_by_the_functions_of_the_measured_crates_and_of_the_program() {
        let compared = [
            (vec![1, 2, 3, 4, 9, 6], held(10.0, 50_000.0)),
            (vec![1, 5, 4, 6], held(0.0, 90_000.0)),
        ];
        assert_eq!(
            found(&compared),
            [
                (
                    vec![
                        "churn::scenarios::canary::leak".into(),
                        "churn::main".into()
                    ],
                    held(0.0, 90_000.0)
                ),
                (
                    vec![
                        "p2panda_net::peers::learn".into(),
                        "<p2panda_net::Engine<S> as core::future::Future>::poll".into(),
                        "churn::main".into()
                    ],
                    held(10.0, 50_000.0)
                ),
            ]
        );
    }

    #[test]
    fn stacks_that_differ_in_other_crates_alone_are_one_and_what_shrank_counts() {
        let compared = [
            (vec![1, 2, 4], held(0.0, 30_000.0)),
            (vec![2], held(1_000.0, 9_000.0)),
            (vec![1, 1, 2], held(5_000.0, 0.0)),
        ];
        let frames = vec!["p2panda_net::peers::learn".to_owned()];
        assert_eq!(found(&compared), [(frames, held(6_000.0, 39_000.0))]);
    }

    #[test]
    fn what_chance_may_have_sampled_is_not_told_and_no_more_than_five_are() {
        // Four errors of 10,000 and 10,400 bytes are 571; of 10,000 and 10,700 bytes, 575.
        assert_eq!(found(&[(vec![2], held(10_000.0, 10_400.0))]), []);
        assert_eq!(found(&[(vec![2], held(10_000.0, 10_700.0))]).len(), 1);
        let name = |address: u64| vec![format!("p2panda_net::f{address}")];
        let compared: Vec<Compared> = (0..9)
            .map(|at| (vec![at], held(0.0, 20_000.0 + at as f64)))
            .collect();
        let most = holders(&compared, 1.0, name, &told());
        assert_eq!(most.len(), STACKS);
        assert_eq!(most[0].0, ["p2panda_net::f8"]);
    }

    #[test]
    fn a_stack_without_any_of_these_crates_is_told_as_one() {
        let compared = [
            (vec![1, 4], held(0.0, 20_000.0)),
            (vec![9], held(0.0, 20_000.0)),
        ];
        assert_eq!(found(&compared), [(vec![], held(0.0, 40_000.0))]);
    }
}
