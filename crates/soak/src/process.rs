//! A child in a process group of its own, so that it can be ended with everything it started.
//!
//! Ctrl-C on a terminal reaches only our own group; a child hears of it through us. Where we are killed ourselves
//! (SIGKILL), the child's standard output closes, and a workload ends at its next line.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use crate::interrupt::Interrupt;

/// How often a waiting loop looks whether a child has ended and at the interrupt.
const TICK: Duration = Duration::from_millis(50);

/// Runs a command in our own group to its end. An interrupt is handed on to it: it knows how to end in order, and is waited
/// for.
///
/// # Errors
/// Where the program is not there or cannot be run.
#[expect(
    clippy::disallowed_methods,
    reason = "one tick of a loop that looks at the interrupt in each; what runs has limits of its own"
)]
pub fn wait_for(command: &mut Command, interrupt: &Interrupt) -> io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt.is_set() && !told {
            told = true;
            // Fails only where it has just ended.
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        }
        thread::sleep(TICK);
    }
}

/// A running child and its process group. Dropping it ends both.
#[derive(Debug)]
pub struct Group {
    child: Child,
    status: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` in a group of its own.
    ///
    /// # Errors
    /// Where the program is not there or cannot be run.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self {
            child,
            status: None,
        })
    }

    /// The child's standard input, once, where it was piped.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The child's standard output, once, where it was piped.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The child's process id; its own until [`Group::end`].
    pub fn id(&self) -> i32 {
        self.pid().as_raw_nonzero().get()
    }

    /// Whether the child has ended. It is not reaped, so that its group's number cannot have been given to another.
    pub fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that there is nothing to wait for.
        self.status.is_some() || !matches!(waitid(WaitId::Pid(self.pid()), options), Ok(None))
    }

    /// Halts the child and all of its group, until [`Group::resume`].
    ///
    /// # Errors
    /// Where the group is gone.
    pub fn halt(&self) -> io::Result<()> {
        Ok(kill_process_group(self.pid(), Signal::STOP)?)
    }

    /// Lets a halted group go on.
    ///
    /// # Errors
    /// Where the group is gone.
    pub fn resume(&self) -> io::Result<()> {
        Ok(kill_process_group(self.pid(), Signal::CONT)?)
    }

    /// Kills what is left of the group, child and grandchildren. A child that has ended keeps its exit status.
    pub fn kill(&self) {
        if self.status.is_none() {
            // Fails only where the whole group is gone already.
            let _ = kill_process_group(self.pid(), Signal::KILL);
        }
    }

    /// Kills what is left of the group and gives back how the child ended. May be called twice.
    ///
    /// # Errors
    /// Where the system cannot wait for the child.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        self.kill();
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
