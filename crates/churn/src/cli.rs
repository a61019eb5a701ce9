//! The half of the command line that every workload has: what it lists, and how one scenario runs.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use tracing_subscriber::EnvFilter;

use crate::protocol::{self, Line};
use crate::run::{self, Plan};
use crate::scenarios::SCENARIOS;

/// Exit code of a run that began and failed.
pub const FAILED: u8 = 1;

/// Exit code for arguments that describe no run; clap ends with the same.
const BAD_USE: u8 = 2;

#[derive(Subcommand)]
pub enum Command {
    /// Print the scenarios as one JSON array.
    List,
    /// Run one scenario and write a line a sample.
    Run {
        /// Name of the scenario, as `list` prints it.
        scenario: String,
        /// Where keys, sizes and order come from: the same seed makes the same run.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How often the event happens [default: the scenario's `quick.events`].
        #[arg(long)]
        events: Option<u64>,
        /// How many samples, the first before any event, the last after all [default: the scenario's `quick.samples`].
        #[arg(long)]
        samples: Option<u64>,
        /// How many bytes an event leaks; for `canary` alone [default: its budget].
        #[arg(long, value_name = "BYTES")]
        leak: Option<u64>,
        /// Write heap profiles to this folder: `start.heap` after the warm-up and `end.heap`. Needs an allocator with a
        /// profiler that is on.
        #[arg(long, value_name = "DIR")]
        profile: Option<PathBuf>,
    },
}

/// Lets logs go to stderr, for whoever sets RUST_LOG.
pub fn log_to_stderr() {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off")),
        )
        .with_writer(io::stderr)
        .init();
}

impl Command {
    /// Does it; what came of it is the exit code.
    pub fn perform(self) -> ExitCode {
        match self {
            Command::List => list(),
            Command::Run {
                scenario,
                seed,
                events,
                samples,
                leak,
                profile,
            } => match Plan::new(&scenario, seed, events, samples)
                .and_then(|plan| leak.map_or(Ok(plan), |leak| plan.leaking(leak)))
            {
                Ok(plan) => ended(run::execute(plan, profile)),
                Err(message) => {
                    eprintln!("churn: {message}");
                    ExitCode::from(BAD_USE)
                }
            },
        }
    }
}

fn list() -> ExitCode {
    match protocol::write(SCENARIOS) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}

/// Turns the end of a run into an exit code, and says what it failed with.
pub fn ended(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // Whoever asked is gone: there is nobody to tell.
    if !protocol::is_closed(&error) {
        protocol::write(&Line::Error {
            message: format!("{error:#}"),
        })
        .ok();
    }
    ExitCode::from(FAILED)
}
