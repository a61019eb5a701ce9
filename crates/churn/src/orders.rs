//! What the nodes of a fleet are told on stdin and tell on stdout, whatever they are made of.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::sync::mpsc;

use crate::protocol::Held;
use crate::sampler;

/// Commands that may wait while one is carried out; whoever sends more waits as well.
const COMMANDS: usize = 64;

/// How long an end may take that nobody waits for.
const GRACE: Duration = Duration::from_secs(15);

/// A line on stdin.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Command {
    /// Learn where another member is.
    Meet {
        public_key: String,
        addresses: Vec<SocketAddr>,
    },
    /// Say something to whoever is there.
    Say { text: String },
    /// Append something to the own log, which goes to others by sync.
    Publish { text: String },
    /// Tell what the process holds.
    Sample,
    /// Shut the node down and end. The end of stdin means the same.
    Stop,
}

/// A line on stdout.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    /// First: who this is and where.
    Member {
        side: &'static str,
        public_key: String,
        addresses: Vec<SocketAddr>,
    },
    /// The topic's overlay was joined.
    Joined,
    /// Somebody said this.
    Heard { text: &'a str },
    /// Somebody's log has this.
    Synced { text: &'a str },
    /// What the process holds now.
    Sample {
        #[serde(flatten)]
        held: Held,
    },
    /// Last, after a shutdown.
    Stopped,
}

/// Has `live` be the node until it is told to stop.
///
/// # Errors
///
/// When the node fails; it is handed a line that is no command as an error.
pub fn follow<Live>(live: impl FnOnce(mpsc::Receiver<Result<Command>>) -> Live) -> Result<()>
where
    Live: Future<Output = Result<()>>,
{
    sampler::count_exactly();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(sampler::count_exactly)
        .build()?;
    let (commands_tx, commands) = mpsc::channel(COMMANDS);
    // A thread, as reading stdin cannot be given up; it ends with the process.
    thread::spawn(move || read_commands(&commands_tx));
    let result = runtime.block_on(live(commands));
    runtime.shutdown_timeout(GRACE);
    result
}

fn read_commands(commands: &mpsc::Sender<Result<Command>>) {
    for line in io::stdin().lines() {
        let command = line.context("cannot read stdin").and_then(|line| {
            serde_json::from_str(&line).with_context(|| format!("`{line}` is no command"))
        });
        if commands.blocking_send(command).is_err() {
            return;
        }
    }
}
