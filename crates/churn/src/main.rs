//! Keeps p2panda nodes busy in one of a few scenarios and writes what the process holds, one JSON line a sample.
//!
//! This is no benchmark and no judge: it neither compares nor decides. `cargo soak` runs it twice, once built on the
//! patched crates and once on the untouched ones, and draws the conclusions. The lines are in [`protocol`], a scenario
//! is a module and a row of the table in [`scenarios`].
#![forbid(unsafe_code)]

mod gossip;
mod log;
mod member;
mod node;
mod protocol;
mod quic;
mod run;
mod sampler;
mod scenarios;
mod session;
mod visit;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::EnvFilter;

use crate::protocol::Line;
use crate::run::Plan;
use crate::scenarios::SCENARIOS;
use crate::visit::Visit;

/// jemalloc, because it can say how many bytes are live.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Exit code of a run that began and failed.
const FAILED: u8 = 1;

/// Exit code for arguments that describe no run; clap ends with the same.
const BAD_USE: u8 = 2;

#[derive(Parser)]
#[command(about = "Keeps p2panda nodes busy and writes what they hold", after_long_help = protocol::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    },
    /// Be one node of a fleet: obey lines on stdin, tell on stdout what arrives.
    Member {
        /// Where the node's key comes from.
        #[arg(long)]
        seed: u64,
    },
    /// Be strangers to a node in another process, for so many seconds.
    Visit(Visit),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off")),
        )
        .with_writer(io::stderr)
        .init();

    match Cli::parse().command {
        Command::List => list(),
        Command::Run {
            scenario,
            seed,
            events,
            samples,
            leak,
        } => match Plan::new(&scenario, seed, events, samples)
            .and_then(|plan| leak.map_or(Ok(plan), |leak| plan.leaking(leak)))
        {
            Ok(plan) => ended(run::execute(plan)),
            Err(message) => {
                eprintln!("churn: {message}");
                ExitCode::from(BAD_USE)
            }
        },
        Command::Member { seed } => ended(member::run(seed)),
        Command::Visit(visit) => ended(visit::run(&visit)),
    }
}

fn list() -> ExitCode {
    match protocol::write(SCENARIOS) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}

/// Turns the end of a run into an exit code, and says what it failed with.
fn ended(result: anyhow::Result<()>) -> ExitCode {
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
