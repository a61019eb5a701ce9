//! Keeps p2panda nodes busy in one of a few scenarios and writes what the process holds, one JSON line a sample.
//!
//! This is no benchmark and no judge: it neither compares nor decides. `cargo soak` runs it twice, once built on the
//! patched crates and once on the untouched ones, and draws the conclusions. The lines are in [`protocol`], a scenario
//! is a module and a row of the table in [`scenarios`].
#![forbid(unsafe_code)]

mod asked;
mod cli;
mod gossip;
mod gossip_state;
mod log;
mod lone_gossip;
mod loopback;
mod member;
mod node;
mod orders;
mod owed;
mod profile;
mod protocol;
mod quic;
mod run;
mod sampler;
mod scenario;
mod scenarios;
mod served;
mod session;
mod visit;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tikv_jemallocator::Jemalloc;

use crate::visit::Visit;

/// jemalloc, because it can say how many bytes are live.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[derive(Parser)]
#[command(about = "Keeps p2panda nodes busy and writes what they hold", after_long_help = protocol::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Shared(cli::Command),
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
    cli::log_to_stderr();
    match Cli::parse().command {
        Command::Shared(command) => command.perform(),
        Command::Member { seed } => cli::ended(member::run(seed)),
        Command::Visit(visit) => cli::ended(visit::run(&visit)),
    }
}
