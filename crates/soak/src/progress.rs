//! What the user sees while it runs, on standard error: a bar with the remaining time on a terminal, plain lines
//! elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::plan::Job;
use crate::protocol::Side;
use crate::report::units;

/// The bar's length: parts per thousand of the whole run.
const PARTS: u64 = 1000;

/// How much is said while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// What runs, and how long it will still take.
    Telling,
    /// Nothing.
    Quiet,
}

/// The progress of a whole run, both sides of every job.
#[derive(Debug)]
pub struct Progress {
    voice: Voice,
    bar: Option<ProgressBar>,
    started: Instant,
    /// How much each job weighs: the time it is estimated to take.
    total: f64,
    done: f64,
    steps: usize,
    step: usize,
}

impl Progress {
    /// Of these runs, a job a side, starting now.
    pub fn new<'a>(voice: Voice, runs: impl IntoIterator<Item = &'a Job>) -> Self {
        let (steps, total) = runs.into_iter().fold((0, 0.0), |(steps, total), job| {
            (steps + 1, total + weight(job))
        });
        let drawn = voice == Voice::Telling && io::stderr().is_terminal();
        let bar = drawn.then(|| {
            let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:24} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.with_style(style.progress_chars("━╸─"))
        });
        Self {
            voice,
            bar,
            started: Instant::now(),
            total,
            done: 0.0,
            steps,
            step: 0,
        }
    }

    /// A side of a job is to be measured again, as this one.
    pub fn extend(&mut self, job: &Job) {
        self.total += weight(job);
        self.steps += 1;
    }

    /// A run of a scenario has begun.
    pub fn begin(&mut self, job: &Job, side: Side) {
        self.step += 1;
        self.show(job, side, 0);
        if self.bar.is_none() {
            let left = self
                .remaining(0.0)
                .map_or(String::new(), |left| format!(", about {left} left"));
            self.say(&format!("{} {side}{left}", self.label(job)));
        }
    }

    /// It has come to this many events.
    pub fn show(&self, job: &Job, side: Side, events: u64) {
        if let Some(bar) = &self.bar {
            let share = events as f64 / job.events as f64 * weight(job);
            let left = self
                .remaining(share)
                .map_or(String::new(), |left| format!(" · {left} left"));
            bar.set_position(((self.done + share) / self.total * PARTS as f64) as u64);
            bar.set_message(format!(
                "{} {side} · {} of {} events{left}",
                self.label(job),
                units::count(events),
                units::count(job.events)
            ));
        }
    }

    /// It has ended. `trouble` is said at once rather than only under the table.
    pub fn end(&mut self, job: &Job, side: Side, trouble: Option<&str>) {
        self.done += weight(job);
        if let Some(trouble) = trouble {
            self.say(&format!("{} {side} {trouble}", self.label(job)));
        }
    }

    /// The run is over; the bar goes.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn label(&self, job: &Job) -> String {
        format!("[{}/{}] {}", self.step, self.steps, job.label)
    }

    fn remaining(&self, share: f64) -> Option<humantime::FormattedDuration> {
        let left = remaining(self.started.elapsed(), (self.done + share) / self.total)?;
        Some(humantime::format_duration(left))
    }

    fn say(&self, text: &str) {
        match (&self.bar, self.voice) {
            (Some(bar), _) => bar.println(text),
            // A terminal that is gone is no reason to stop.
            (None, Voice::Telling) => drop(writeln!(io::stderr(), "{text}")),
            (None, Voice::Quiet) => {}
        }
    }
}

/// How long the rest takes if it goes on as it went, in whole seconds. `None` while too little is done to say.
fn remaining(elapsed: Duration, done: f64) -> Option<Duration> {
    const ENOUGH: f64 = 0.02;
    (done >= ENOUGH).then(|| {
        let left = elapsed.as_secs_f64() * (1.0 - done.min(1.0)) / done;
        Duration::from_secs(left.round() as u64)
    })
}

fn weight(job: &Job) -> f64 {
    job.limits.total.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated_from_what_is_done() {
        let elapsed = Duration::from_secs(30);
        assert_eq!(remaining(elapsed, 0.0), None);
        assert_eq!(remaining(elapsed, 0.25), Some(Duration::from_secs(90)));
        assert_eq!(remaining(elapsed, 1.0), Some(Duration::ZERO));
    }
}
