//! Keeps nodes of the newest releases busy in one of a few scenarios and writes what the process holds, one JSON line a
//! sample.
//!
//! The half that is not about these releases is that of `crates/churn`: the command line, the lines, the run and the
//! readings. Here are the nodes and what happens to them.
#![forbid(unsafe_code)]

#[path = "../../../crates/churn/src/cli.rs"]
mod cli;
mod node;
#[path = "../../../crates/churn/src/profile.rs"]
mod profile;
#[path = "../../../crates/churn/src/protocol.rs"]
mod protocol;
#[path = "../../../crates/churn/src/run.rs"]
mod run;
#[path = "../../../crates/churn/src/sampler.rs"]
mod sampler;
#[path = "../../../crates/churn/src/scenario.rs"]
mod scenario;
mod scenarios;

use std::process::ExitCode;

use clap::Parser;
use tikv_jemallocator::Jemalloc;

/// jemalloc, because it can say how many bytes are live.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[derive(Parser)]
#[command(about = "Keeps nodes of the newest releases busy and writes what they hold", after_long_help = protocol::HELP)]
struct Cli {
    #[command(subcommand)]
    command: cli::Command,
}

fn main() -> ExitCode {
    cli::log_to_stderr();
    Cli::parse().command.perform()
}
