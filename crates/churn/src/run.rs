//! Drives one scenario: what was asked for, when the next sample is due, and when enough is enough.

use std::fmt;
use std::path::PathBuf;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime;

use crate::cli::FAILED;
use crate::node::{self, Key, Watched};
use crate::profile::Profiles;
use crate::protocol::{self, Line, PROTOCOL, SIDE};
use crate::sampler::{self, Sampler};
use crate::scenarios::canary::{self, LEAK_BYTES};
use crate::scenarios::{SCENARIOS, Scenario};

/// How many times `seconds_max` a run may take before it is ended. Without optimisation, as `cargo soak mutate` builds, it
/// takes several times as long.
const DEADLINE_FACTOR: u64 = if cfg!(debug_assertions) { 32 } else { 4 };

/// The most that an event of the canary may leak: 300 MB in a quick run.
const LEAK_BYTES_MAX: u64 = 1 << 16;

/// How long the last line may take when nobody reads it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A run that was asked for and makes sense.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    scenario: &'static Scenario,
    seed: u64,
    events: u64,
    samples: u64,
    leak_bytes: u64,
}

impl Plan {
    /// Finds the scenario and fills in its quick figures where none are given.
    ///
    /// # Errors
    ///
    /// One line for the user: what was given, and what is possible.
    pub fn new(
        name: &str,
        seed: u64,
        events: Option<u64>,
        samples: Option<u64>,
    ) -> Result<Self, String> {
        let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
            let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            return Err(format!(
                "no scenario `{name}`; there are {}",
                names.join(", ")
            ));
        };
        let events = events.unwrap_or(scenario.quick.events);
        let samples = samples.unwrap_or(scenario.quick.samples);
        if samples < 2 {
            return Err(format!(
                "--samples {samples} is too few: the first is taken before any event and the last after all"
            ));
        }
        if events < samples {
            return Err(format!(
                "--events {events} is too few for {samples} samples"
            ));
        }
        Ok(Self {
            scenario,
            seed,
            events,
            samples,
            leak_bytes: LEAK_BYTES,
        })
    }

    /// The same with a leak of this size, for the one scenario that has one.
    ///
    /// # Errors
    ///
    /// One line for the user, where the scenario does not leak on purpose.
    pub fn leaking(self, leak_bytes: u64) -> Result<Self, String> {
        if self.scenario.name != canary::SCENARIO.name {
            return Err(format!(
                "--leak {leak_bytes} is for `{}`, not for `{}`",
                canary::SCENARIO.name,
                self.scenario.name
            ));
        }
        if leak_bytes > LEAK_BYTES_MAX {
            return Err(format!(
                "--leak {leak_bytes} is more than {LEAK_BYTES_MAX} bytes an event"
            ));
        }
        Ok(Self { leak_bytes, ..self })
    }

    /// After how many events sample number `index` is taken: evenly spread, the last one after all events.
    fn sample_point(&self, index: u64) -> u64 {
        // In 128 bits, as the product of two counts may be larger than either.
        (u128::from(index) * u128::from(self.events) / u128::from(self.samples - 1)) as u64
    }

    /// The scenario's warm-up, as large a part of this run as of the quick one.
    fn warmup_events(&self) -> u64 {
        let quick = self.scenario.quick;
        (u128::from(self.events) * u128::from(quick.warmup_events) / u128::from(quick.events))
            as u64
    }

    /// When to give up: generous, and in proportion to what was asked for.
    fn deadline(&self) -> Duration {
        let quick = self.scenario.quick;
        let seconds = quick.seconds_max * DEADLINE_FACTOR;
        Duration::from_secs(seconds.saturating_mul(self.events.div_ceil(quick.events)))
    }
}

/// What a scenario ends with where the thing that it measures serves nobody any more: a finding and not a failure.
#[derive(Debug)]
#[allow(dead_code, reason = "not every workload that shares this module kills")]
pub struct Dead(pub String);

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Dead {}

/// Runs the plan and writes its lines, from the first to `done` or `dead`; and heap profiles to the folder `profile`, if there is
/// one.
///
/// # Errors
///
/// What else the scenario failed with; writing that line is left to the caller. At its deadline it writes the error line itself
/// and ends the process.
pub fn execute(plan: Plan, profile: Option<PathBuf>) -> Result<()> {
    // Here and not in the runtime: a runtime that hangs must not take its own watchdog with it.
    let (_ends_with_this_call, run) = mpsc::channel();
    thread::spawn(move || end_at_deadline(plan.deadline(), &run));
    sampler::count_exactly();

    // One thread, so that what is alive at a sample does not depend on which of several was faster. And a clock that jumps
    // to the next timer whenever there is nothing to do: sockets and packets are real, waiting costs no time. All timers of
    // the crates under load go by this clock.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_start(sampler::count_exactly)
        .on_thread_unpark(node::clock_may_have_jumped)
        .build()?;
    let result = runtime.block_on(async {
        let mut run = Run::start(plan, profile)?;
        match (plan.scenario.run)(&mut run).await {
            Ok(()) => run.finish(),
            Err(error) => run.bury(error),
        }
    });
    // Does not wait for what a node may have left on another thread: that is a finding, not a reason to hang.
    runtime.shutdown_background();
    result
}

/// A run under way: hands out the events and takes the samples between them.
pub struct Run {
    plan: Plan,
    rng: StdRng,
    sampler: Sampler,
    started: SystemTime,
    events_begun: u64,
    samples_taken: u64,
    watched: Option<Watched>,
    profiles: Option<Profiles>,
    warmed_up: bool,
}

impl Run {
    fn start(plan: Plan, profile: Option<PathBuf>) -> Result<Self> {
        let profiles = profile.map(Profiles::new).transpose()?;
        protocol::write(&Line::Hello {
            protocol: PROTOCOL,
            side: SIDE,
            scenario: plan.scenario.name,
            seed: plan.seed,
            events: plan.events,
            event: plan.scenario.event,
            warmup_events: plan.warmup_events(),
            settle_ms: plan.scenario.quick.settle_ms,
            versions: protocol::versions(),
        })?;
        Ok(Self {
            plan,
            rng: StdRng::seed_from_u64(plan.seed),
            sampler: Sampler::new()?,
            started: SystemTime::now(),
            events_begun: 0,
            samples_taken: 0,
            watched: None,
            profiles,
            warmed_up: false,
        })
    }

    /// Names what goes into the samples as `stats`, where it says something of itself.
    pub fn watch(&mut self, watched: &Watched) {
        self.watched = Some(watched.clone());
    }

    /// The next random bytes of this seed: a topic, a payload.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill(&mut bytes[..]);
        bytes
    }

    /// The next key of this seed.
    pub fn key(&mut self) -> Key {
        Key::from_bytes(&self.random())
    }

    /// How many events there are in all.
    #[allow(
        dead_code,
        reason = "not every workload that shares this module asks for it"
    )]
    pub fn events(&self) -> u64 {
        self.plan.events
    }

    /// How many bytes an event of the canary leaks.
    pub fn leak_bytes(&self) -> usize {
        self.plan.leak_bytes as usize
    }

    fn sample_is_due(&self) -> bool {
        self.samples_taken < self.plan.samples
            && self.plan.sample_point(self.samples_taken) == self.events_begun
    }

    /// Tells that the events handed out so far are over, and asks for the next: its number, from 0, or `None` after the
    /// last. Takes the sample that is due between the two.
    ///
    /// # Errors
    ///
    /// When a figure cannot be read, or nobody reads stdout any more.
    pub async fn next(&mut self) -> Result<Option<u64>> {
        if self.sample_is_due() {
            if self.samples_taken == 0 {
                self.warm_up_the_question().await?;
            }
            self.sample().await?;
            self.profile()?;
            self.samples_taken += 1;
        }
        if self.events_begun == self.plan.events {
            return Ok(None);
        }
        self.events_begun += 1;
        Ok(Some(self.events_begun - 1))
    }

    async fn sample(&self) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(self.plan.scenario.quick.settle_ms)).await;
        let held = self.sampler.read()?;
        protocol::write(&Line::Sample {
            elapsed_ms: self.elapsed_ms(),
            events: self.events_begun,
            held,
            stats: self.stats().await?,
        })?;
        Ok(())
    }

    /// The heap profile that is due at this sample: the first after the warm-up, and the last.
    fn profile(&mut self) -> Result<()> {
        let Some(profiles) = &self.profiles else {
            return Ok(());
        };
        if !self.warmed_up && self.events_begun >= self.plan.warmup_events() {
            self.warmed_up = true;
            profiles.take("start")?;
        }
        if self.events_begun == self.plan.events {
            profiles.take("end")?;
        }
        Ok(())
    }

    /// A channel takes its room in blocks of 32 messages and then uses them again. In a node that hears nothing else, our
    /// own questions would make it take the second one, 10 KB, in the middle of what is measured.
    async fn warm_up_the_question(&self) -> Result<()> {
        const QUESTIONS: usize = 100;
        for _ in 0..QUESTIONS {
            self.stats().await?;
        }
        Ok(())
    }

    async fn stats(&self) -> Result<Option<serde_json::Value>> {
        match &self.watched {
            Some(watched) => node::figures(watched).await,
            None => Ok(None),
        }
    }

    fn finish(self) -> Result<()> {
        protocol::write(&Line::Done {
            events: self.events_begun,
            elapsed_ms: self.elapsed_ms(),
        })?;
        Ok(())
    }

    /// Writes that what was measured has died, where that is the error.
    fn bury(self, error: anyhow::Error) -> Result<()> {
        let dead: Dead = error.downcast()?;
        protocol::write(&Line::Dead {
            events: self.events_begun,
            elapsed_ms: self.elapsed_ms(),
            what: dead.to_string(),
        })?;
        Ok(())
    }

    /// By the time of day, which never jumps with the runtime's clock.
    fn elapsed_ms(&self) -> u64 {
        let elapsed = self.started.elapsed().unwrap_or_default();
        elapsed.as_millis() as u64
    }
}

/// Ends the process with an error line unless the run ends, and with it the sender, before the deadline.
#[expect(
    clippy::disallowed_methods,
    reason = "the runtime hangs: nothing else ends the process, and it has no children"
)]
fn end_at_deadline(deadline: Duration, run: &mpsc::Receiver<()>) {
    if run.recv_timeout(deadline) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let (written, last_words) = mpsc::channel();
    // On a thread of its own, as a reader that stopped reading would keep it for ever.
    thread::spawn(move || {
        let message = format!("not done after {} s", deadline.as_secs());
        written.send(protocol::write(&Line::Error { message })).ok();
    });
    last_words.recv_timeout(LAST_WORDS).ok();
    process::exit(FAILED.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(events: u64, samples: u64) -> Plan {
        Plan::new(SCENARIOS[0].name, 1, Some(events), Some(samples)).unwrap()
    }

    fn points(events: u64, samples: u64) -> Vec<u64> {
        let plan = plan(events, samples);
        (0..samples).map(|index| plan.sample_point(index)).collect()
    }

    #[test]
    fn samples_are_spread_evenly_from_before_the_first_event_to_after_the_last() {
        assert_eq!(points(12, 4), [0, 4, 8, 12]);
        assert_eq!(points(10, 4), [0, 3, 6, 10]);
        assert_eq!(points(2, 2), [0, 2]);
    }

    #[test]
    fn no_two_samples_share_a_point_even_when_there_are_as_many_as_events() {
        for samples in 2..60 {
            let points = points(samples, samples);
            assert!(points.is_sorted_by(|a, b| a < b), "{points:?}");
            assert_eq!(points.last(), Some(&samples));
        }
    }

    #[test]
    fn the_warm_up_stays_the_same_part_of_a_longer_run() {
        let quick = SCENARIOS[0].quick;
        let longer = Plan::new(SCENARIOS[0].name, 1, Some(quick.events * 10), None).unwrap();
        assert_eq!(longer.warmup_events(), quick.warmup_events * 10);
        assert_eq!(
            longer.deadline().as_secs(),
            quick.seconds_max * DEADLINE_FACTOR * 10
        );
    }

    #[test]
    fn a_shorter_run_keeps_the_whole_deadline() {
        assert_eq!(
            plan(10, 2).deadline().as_secs(),
            SCENARIOS[0].quick.seconds_max * DEADLINE_FACTOR
        );
    }

    #[test]
    fn only_the_canary_leaks_on_purpose_and_only_so_much() {
        let canary = Plan::new("canary", 1, None, None).unwrap();
        assert_eq!(canary.leak_bytes, LEAK_BYTES);
        assert_eq!(canary.leaking(0).unwrap().leak_bytes, 0);
        assert!(
            canary
                .leaking(1 << 30)
                .unwrap_err()
                .contains("bytes an event")
        );
        let refused = plan(100, 10).leaking(8).unwrap_err();
        let other = format!("not for `{}`", SCENARIOS[0].name);
        assert!(refused.contains(&other), "{refused}");
    }

    #[test]
    fn what_makes_no_run_is_refused_with_what_was_given() {
        let refused = |name, events, samples| Plan::new(name, 1, events, samples).unwrap_err();
        let first = SCENARIOS[0].name;
        let unknown = refused("no-such", None, None);
        assert!(
            unknown.contains("`no-such`") && unknown.contains(&format!("{first}, ")),
            "{unknown}"
        );
        assert!(refused(first, None, Some(0)).contains("--samples 0"));
        assert!(refused(first, Some(0), None).contains("--events 0"));
        assert!(refused(first, Some(9), Some(10)).contains("--events 9 is too few for 10 samples"));
    }
}
