//! Runs a test suite as a child with a time limit, keeps what it prints, and reads from that what passed and failed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::error::IoContext;
use crate::process;
use crate::project::Project;
use crate::{Error, Result};

/// How often a running suite is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A suite to run.
pub struct Suite {
    /// What it is called in messages, and its log.
    pub label: String,
    pub command: Command,
    /// After how long it is stopped.
    pub seconds_max: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Whether the command ended with 0 in time.
    pub success: bool,
    pub timed_out: bool,
    /// As `<source file> <path of the test>`.
    pub passed: BTreeSet<String>,
    pub failed: BTreeSet<String>,
    /// From the harness's closing lines, which count what its other lines may garble.
    pub passed_count: usize,
    pub failed_count: usize,
    pub ignored_count: usize,
    /// How many test binaries ran to their closing line.
    pub harnesses: usize,
    /// Everything it printed.
    pub log: PathBuf,
}

impl Outcome {
    /// The one summary line of a crate.
    pub fn line(&self, label: &str, skipped: usize) -> String {
        format!(
            "{label}: {} passed, {} failed, {} skipped",
            self.passed_count,
            self.failed_count,
            self.ignored_count + skipped
        )
    }

    /// What is wrong with it, if anything.
    pub fn wrong(&self, label: &str) -> Option<String> {
        let log = self.log.display();
        if self.timed_out {
            Some(format!("{label}: stopped at its time limit; see {log}"))
        } else if !self.success {
            let names: Vec<&str> = self.failed.iter().map(String::as_str).collect();
            let failed = if names.is_empty() {
                "it did not build or did not end well".into()
            } else {
                names.join(", ")
            };
            Some(format!("{label}: {failed}; see {log}"))
        } else if self.harnesses == 0 {
            // A crate may have no tests; then its harness says that none ran.
            Some(format!("{label}: no test harness ran; see {log}"))
        } else {
            None
        }
    }
}

/// Runs it to its end or its limit.
///
/// # Errors
/// [`Error::Interrupted`] on Ctrl-C, with no child left behind.
pub fn run(project: &Project, suite: &Suite) -> Result<Outcome> {
    let log = project
        .scratch("test")?
        .join(format!("{}.log", suite.label.replace([' ', '/'], "-")));
    println!("{}: {}", suite.label, process::display(&suite.command));
    let started = Instant::now();
    let (status, text) = run_logged(suite, &log)?;
    let mut outcome = read(&text);
    outcome.success = status.is_some_and(|status| status.success());
    outcome.timed_out = status.is_none();
    outcome.log = log;
    println!("{}: took {} s", suite.label, started.elapsed().as_secs());
    Ok(outcome)
}

/// Runs it, and writes what it prints into its log. `None`: it was stopped at its limit.
fn run_logged(suite: &Suite, log: &Path) -> Result<(Option<ExitStatus>, String)> {
    let stop = stop_flag();
    let (mut child, lines) = start(suite, log)?;
    let mut file = File::create(log).on("cannot write", log)?;
    let live = !std::io::stdout().is_terminal() && std::env::var_os("CI").is_some();
    let mut text = String::new();
    let mut show = |line: Vec<u8>| {
        // The log is a help; a full disk shall not end the tests.
        let _ = file.write_all(&line);
        let line = String::from_utf8_lossy(&line);
        if live || line.starts_with("test result:") {
            print!("{line}");
        }
        text.push_str(&line);
    };
    let deadline = Instant::now() + Duration::from_secs(suite.seconds_max);
    while !stop.load(Ordering::Relaxed) && Instant::now() < deadline && !has_ended(&child) {
        lines.recv_timeout(POLL).into_iter().for_each(&mut show);
    }
    let ended = has_ended(&child);
    kill_group(&child);
    let status = child.wait().on("cannot wait for", log)?;
    // What is still in the pipe. Who left the group may hold it open, and write, for ever.
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline
        && let Ok(line) = lines.recv_timeout(POLL)
    {
        show(line);
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    Ok((ended.then_some(status), text))
}

/// Starts it, with the lines that it prints to either output, in their order.
fn start(suite: &Suite, log: &Path) -> Result<(Child, Receiver<Vec<u8>>)> {
    let (reader, writer) = std::io::pipe().on("cannot make a pipe for", log)?;
    let mut command = clone(&suite.command);
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().on("cannot make a pipe for", log)?)
        .stderr(writer);
    // Tests that make an actor panic wait tens of milliseconds for it to come back; to print a backtrace takes longer.
    command.env("RUST_BACKTRACE", "0");
    // A group of its own, so that whatever a hanging test started goes with it.
    command.process_group(0);
    let child = command
        .spawn()
        .map_err(|source| process::missing(&command, source))?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = [&line[..], b"\n"].concat();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok((child, lines))
}

/// Whether it has ended; it is not awaited, so that its id, which is its group's, stays its own.
fn has_ended(child: &Child) -> bool {
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let ended = pid(child).map(|pid| waitid(WaitId::Pid(pid), how));
    !matches!(ended, Some(Ok(None)))
}

/// Ends everything that it started and that has not left its group.
fn kill_group(child: &Child) {
    if let Some(group) = pid(child) {
        // It may be gone already, which is what is wanted.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Set by Ctrl-C, by a polite kill and by a terminal that closes, from the first run on.
fn stop_flag() -> Arc<AtomicBool> {
    static FLAG: std::sync::OnceLock<Arc<AtomicBool>> = std::sync::OnceLock::new();
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            // Without it the signal ends us at once, and the children of a terminal with us.
            let _ = signal_hook::flag::register(signal, flag.clone());
        }
        flag
    });
    flag.clone()
}

/// Reads the harness's lines. Cargo names the source file of what runs next; tests that print past the harness may
/// break a line between name and result, so the result is also taken from the end of a later line.
fn read(text: &str) -> Outcome {
    let running = regex(r"^\s+Running (?:unittests )?(\S+) \(");
    let started = regex(r"^test (\S+)(?: - should panic)? \.\.\. ?(.*)$");
    let closing = regex(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored");
    let mut outcome = Outcome {
        success: false,
        timed_out: false,
        passed: BTreeSet::new(),
        failed: BTreeSet::new(),
        passed_count: 0,
        failed_count: 0,
        ignored_count: 0,
        harnesses: 0,
        log: PathBuf::new(),
    };
    let mut source = String::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if let Some(found) = running.captures(line) {
            source = found[1].to_owned();
            // A harness that was killed leaves its last test open.
            open = None;
        } else if let Some(found) = closing.captures(line) {
            let number = |at: usize| found[at].parse().unwrap_or(0);
            outcome.passed_count += number(1);
            outcome.failed_count += number(2);
            outcome.ignored_count += number(3);
            outcome.harnesses += 1;
        }
        let (name, rest) = match started.captures(line) {
            Some(found) => (Some(format!("{source} {}", &found[1])), found[2].to_owned()),
            None => (open.take(), line.to_owned()),
        };
        let Some(name) = name else { continue };
        if rest.ends_with("ok") {
            outcome.passed.insert(name);
        } else if rest.ends_with("FAILED") {
            outcome.failed.insert(name);
        } else if !rest.starts_with("ignored") {
            open = Some(name);
        }
    }
    outcome
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern that stands in this file")
}

/// `Command` is no `Clone`; program, arguments, folder and environment are all that is set on ours.
fn clone(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        copy.current_dir(dir);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_with_their_source_file() {
        let text = "     Running unittests src/lib.rs (target/debug/deps/x-1)\n\
                    test a::b ... ok\ntest a::c ... FAILED\ntest a::d ... ignored, slow\n\
                    test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    \x20    Running tests/e.rs (target/debug/deps/e-1)\n\
                    test f ... a line of a log\nand more of it ok\n\
                    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let outcome = read(text);
        assert_eq!(
            outcome.passed,
            BTreeSet::from(["src/lib.rs a::b".into(), "tests/e.rs f".into()])
        );
        assert_eq!(outcome.failed, BTreeSet::from(["src/lib.rs a::c".into()]));
        assert_eq!(
            (
                outcome.passed_count,
                outcome.failed_count,
                outcome.ignored_count
            ),
            (2, 1, 1)
        );
        assert_eq!(outcome.line("x", 2), "x: 2 passed, 1 failed, 3 skipped");
    }
}
