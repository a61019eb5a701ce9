//! One workload binary: asks it for its scenarios, runs one of them, and says how that ended.
//!
//! A run never outlives its limits, and never leaves a process behind: the child and all it started are killed as soon
//! as the run is decided. Blocks the calling thread; the child's standard output is read on a thread of its own.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;
use crate::kernel;
use crate::network::Network;
use crate::plan::{Job, Limits};
use crate::process::Group;
use crate::profile::ENVIRONMENT;
use crate::protocol::{
    Death, Expected, Hello, Nonsense, Sample, Scenario, Side, State, Transcript, parse_list,
};
use crate::{Error, Result};

/// How often a waiting loop looks at the clock and at the interrupt.
const TICK: Duration = Duration::from_millis(50);

/// The longest line that is read. A sample with every figure of `stats` is a few kilobytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// How long `list` may take: it only prints.
const LIST_LIMITS: Limits = Limits {
    total: Duration::from_secs(30),
    quiet: Duration::from_secs(30),
};

/// How long the output of a child that has ended may take to arrive.
const DRAIN: Duration = Duration::from_secs(5);

/// How many of the last lines of standard error are quoted when a child fails.
const QUOTED_LINES: usize = 3;

/// A binary that speaks the protocol, and the side it stands for.
#[derive(Debug, Clone)]
pub struct Workload {
    pub side: Side,
    pub program: PathBuf,
    /// What it can reach while a scenario runs.
    pub network: Network,
}

/// What one run of a scenario gave.
#[derive(Debug)]
pub struct SideRun {
    /// How many events it was asked for.
    pub events: u64,
    /// What it said about itself, if it came that far.
    pub hello: Option<Hello>,
    /// What was measured until it ended, however it ended.
    pub samples: Vec<Sample>,
    pub elapsed: Duration,
    pub ending: Ending,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// With its `done` line and exit code 0.
    Done,
    /// With its `dead` line and exit code 0.
    Dead(Death),
    /// By its own fault.
    Failed(Failure),
    /// The user stopped it.
    Interrupted,
}

impl Ending {
    /// What went wrong, in one line; nothing where it was whole or was stopped.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Failed(failure) => Some(failure.to_string()),
            Self::Dead(death) => Some(death.to_string()),
            Self::Done | Self::Interrupted => None,
        }
    }
}

/// Why a run failed, in one line. What was measured before is kept but not judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    #[error("could not be started: {0}")]
    NotStarted(io::Error),
    #[error("crashed ({how}) after line {line}{}", quoted(.stderr))]
    Crashed {
        how: String,
        line: u64,
        stderr: String,
    },
    #[error("hung: nothing written for {} s after line {line}; killed", .silent.as_secs_f64())]
    Hung { silent: Duration, line: u64 },
    #[error("took longer than its limit of {} s; killed", .limit.as_secs_f64())]
    Overran { limit: Duration },
    #[error("wrote nonsense: {0}")]
    Nonsense(Nonsense),
    #[error("ended early: exit code 0 after line {line}, but no `done` line")]
    EndedEarly { line: u64 },
    #[error("gave up: {0}")]
    Said(String),
}

impl Workload {
    /// The scenarios that the binary offers.
    ///
    /// # Errors
    /// [`Error::Start`] where it is missing, [`Error::List`] where it does not answer as documented,
    /// [`Error::Interrupted`].
    pub fn list(&self, interrupt: &Interrupt) -> Result<Vec<Scenario>> {
        let wrong = |what: String| Error::List {
            program: self.program.clone(),
            what,
        };
        let mut command = Command::new(&self.program);
        command.arg("list").stderr(Stdio::inherit());
        let mut child = Running::start(&mut command).map_err(|source| Error::Start {
            program: self.program.clone(),
            source,
        })?;
        let mut text = Vec::new();
        let ended = child.follow(LIST_LIMITS, interrupt, |line| {
            text.extend_from_slice(line.unwrap_or_default());
            text.push(b'\n');
            Ok(())
        });
        match ended {
            Followed::Ended(status) if status.success() => {
                parse_list(&String::from_utf8_lossy(&text)).map_err(wrong)
            }
            Followed::Ended(status) => Err(wrong(format!(
                "expected exit code 0, found {}",
                how_ended(status)
            ))),
            Followed::Interrupted => Err(Error::Interrupted),
            Followed::Hung(limit) | Followed::Overran(limit) => Err(wrong(format!(
                "no answer within {} s; killed",
                limit.as_secs()
            ))),
            Followed::Nonsense(nonsense) => Err(wrong(nonsense.to_string())),
        }
    }

    /// Runs one scenario to its end, hands every sample to `on_sample` as it comes, and writes standard error to `log`.
    ///
    /// What goes wrong is part of the result: see [`Ending`].
    pub fn run(
        &self,
        job: &Job,
        log: &Path,
        interrupt: &Interrupt,
        mut on_sample: impl FnMut(&Sample),
    ) -> SideRun {
        let started = Instant::now();
        let mut transcript = Transcript::new(Expected {
            side: self.side,
            scenario: job.scenario.name.clone(),
            seed: job.seed,
            events: job.events,
        });
        let ending =
            match File::create(log).and_then(|log| Running::start(&mut self.command(job, log))) {
                Ok(mut child) => {
                    let pid = child.group.id();
                    let followed = child.follow(job.limits, interrupt, |line| {
                        let line = line.ok_or_else(|| transcript.overlong(LINE_BYTES_MAX))?;
                        if let Some(sample) = transcript.line(line)? {
                            complete(sample, pid);
                            on_sample(sample);
                        }
                        Ok(())
                    });
                    ending(followed, &transcript, log)
                }
                Err(error) => Ending::Failed(Failure::NotStarted(error)),
            };
        let (hello, samples) = transcript.into_parts();
        SideRun {
            events: job.events,
            hello,
            samples,
            elapsed: started.elapsed(),
            ending,
        }
    }

    fn command(&self, job: &Job, log: File) -> Command {
        let mut command = self.network.command(&self.program);
        command
            .args(["run", &job.scenario.name])
            .args(["--seed", &job.seed.to_string()])
            .args(["--events", &job.events.to_string()])
            .args(["--samples", &job.samples.to_string()])
            .args(job.leak_bytes.map(|bytes| format!("--leak={bytes}")))
            .stderr(log);
        if let Some(folder) = &job.heaps {
            command.arg("--profile").arg(folder).envs(ENVIRONMENT);
        }
        command
    }
}

/// Asks the kernel for what the workload does not say of itself. The figures are those of the moment in which the line
/// arrives, a little after it was written.
fn complete(sample: &mut Sample, pid: i32) {
    let Sample {
        resident_bytes,
        fds,
        sockets,
        threads,
        ..
    } = sample;
    if [&*resident_bytes, fds, sockets, threads]
        .iter()
        .all(|figure| figure.is_some())
    {
        return;
    }
    let reading = kernel::read(pid);
    *resident_bytes = resident_bytes.or(reading.resident_bytes);
    *fds = fds.or(reading.fds);
    *sockets = sockets.or(reading.sockets);
    *threads = threads.or(reading.threads);
}

fn ending(followed: Followed, transcript: &Transcript, log: &Path) -> Ending {
    let line = transcript.lines();
    Ending::Failed(match followed {
        Followed::Interrupted => return Ending::Interrupted,
        Followed::Hung(silent) => Failure::Hung { silent, line },
        Followed::Overran(limit) => Failure::Overran { limit },
        Followed::Nonsense(nonsense) => Failure::Nonsense(nonsense),
        Followed::Ended(status) => match transcript.state() {
            State::Done if status.success() => return Ending::Done,
            State::Dead(death) if status.success() => return Ending::Dead(death.clone()),
            State::Failed(message) => Failure::Said(message.clone()),
            State::Silent | State::Running if status.success() => Failure::EndedEarly { line },
            State::Silent | State::Running | State::Done | State::Dead(_) => Failure::Crashed {
                how: how_ended(status),
                line,
                stderr: last_lines(log),
            },
        },
    })
}

/// A child, and the lines it writes.
struct Running {
    group: Group,
    lines: Receiver<Output>,
}

enum Output {
    Line(Vec<u8>),
    TooLong,
    End,
}

enum Followed {
    Ended(ExitStatus),
    Interrupted,
    Hung(Duration),
    Overran(Duration),
    Nonsense(Nonsense),
}

impl Running {
    fn start(command: &mut Command) -> io::Result<Self> {
        let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        // Bounded, so that a child which writes without end waits for us and not in our memory.
        let (sender, lines) = mpsc::sync_channel(64);
        if let Some(stdout) = group.take_stdout() {
            thread::spawn(move || read_lines(stdout, &sender));
        }
        Ok(Self { group, lines })
    }

    /// Hands every line to `on_line` (`None`: too long to be one) until the child has ended and nothing more comes, or
    /// until something speaks against waiting on. Afterwards neither the child nor any of its group is left.
    fn follow(
        &mut self,
        limits: Limits,
        interrupt: &Interrupt,
        mut on_line: impl FnMut(Option<&[u8]>) -> Result<(), Nonsense>,
    ) -> Followed {
        let started = Instant::now();
        let mut heard = started;
        let mut ended: Option<Instant> = None;
        let mut open = true;
        while open || ended.is_none() {
            if interrupt.is_set() {
                return self.stop(Followed::Interrupted);
            }
            let line = match self.next(open) {
                Some(Output::Line(line)) => Some(on_line(Some(&line))),
                Some(Output::TooLong) => Some(on_line(None)),
                Some(Output::End) => {
                    open = false;
                    None
                }
                None => None,
            };
            match line {
                Some(Err(nonsense)) => return self.stop(Followed::Nonsense(nonsense)),
                Some(Ok(())) => heard = Instant::now(),
                None => {}
            }
            if ended.is_none() && self.group.has_ended() {
                ended = Some(Instant::now());
                // What it started may hold its output open, and must not outlive it.
                self.group.kill();
            }
            match ended {
                Some(at) if at.elapsed() > DRAIN => break,
                Some(_) => {}
                None if started.elapsed() > limits.total => {
                    return self.stop(Followed::Overran(limits.total));
                }
                None if heard.elapsed() > limits.quiet => {
                    return self.stop(Followed::Hung(limits.quiet));
                }
                None => {}
            }
        }
        match self.group.end() {
            Ok(status) => Followed::Ended(status),
            // It cannot be waited for: nothing is known about its end but that it gave no sign of life.
            Err(_) => Followed::Hung(heard.elapsed()),
        }
    }

    /// What comes next within a tick.
    #[expect(
        clippy::disallowed_methods,
        reason = "one tick of a loop that looks at its limits and at the interrupt in each"
    )]
    fn next(&self, open: bool) -> Option<Output> {
        if !open {
            thread::sleep(TICK);
            return None;
        }
        match self.lines.recv_timeout(TICK) {
            Ok(output) => Some(output),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Output::End),
        }
    }

    fn stop(&mut self, why: Followed) -> Followed {
        let _ = self.group.end();
        why
    }
}

/// Reads until the end or until nobody listens any more. An error of the pipe is its end.
fn read_lines(stdout: ChildStdout, sender: &SyncSender<Output>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut line);
        let output = match read {
            Ok(0) | Err(_) => Output::End,
            Ok(_) if line.len() > LINE_BYTES_MAX => Output::TooLong,
            Ok(_) => Output::Line(line),
        };
        let last = !matches!(output, Output::Line(_));
        if sender.send(output).is_err() || last {
            return;
        }
    }
}

fn how_ended(status: ExitStatus) -> String {
    // Only the number: the text that the standard library adds differs between systems.
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of a log, on one line.
fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join(" | ")
}

fn quoted(stderr: &str) -> String {
    if stderr.is_empty() {
        "; it wrote nothing to standard error".into()
    } else {
        format!("; last on standard error: {stderr}")
    }
}
