//! Keeps nodes of the newest releases busy in one of a few scenarios and writes what the process holds, one JSON line a
//! sample.
//!
//! The half that is not about these releases is that of `crates/churn`: the command line, the lines, the run and the
//! readings. Here are the nodes and what happens to them.
#![deny(unsafe_code)]

#[path = "../../../crates/churn/src/cli.rs"]
mod cli;
mod clock;
mod gossip;
mod gossip_state;
#[path = "../../../crates/churn/src/lone_gossip.rs"]
mod lone_gossip;
#[path = "../../../crates/churn/src/loopback.rs"]
mod loopback;
mod member;
mod network;
mod node;
#[path = "../../../crates/churn/src/orders.rs"]
mod orders;
#[path = "../../../crates/churn/src/owed.rs"]
mod owed;
mod panda;
#[path = "../../../crates/churn/src/profile.rs"]
mod profile;
#[path = "../../../crates/churn/src/protocol.rs"]
mod protocol;
mod quic;
#[path = "../../../crates/churn/src/run.rs"]
mod run;
#[path = "../../../crates/churn/src/sampler.rs"]
mod sampler;
#[path = "../../../crates/churn/src/scenario.rs"]
mod scenario;
mod scenarios;

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{self, ExitCode};

use clap::{Parser, Subcommand};
use tikv_jemallocator::Jemalloc;

/// jemalloc, because it can say how many bytes are live.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[derive(Parser)]
#[command(about = "Keeps nodes of the newest releases busy and writes what they hold", after_long_help = protocol::HELP)]
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
}

/// Where jemalloc looks for its settings.
const MALLOC_CONF: &str = "MALLOC_CONF";

fn main() -> ExitCode {
    count_exactly_everywhere();
    cli::log_to_stderr();
    match Cli::parse().command {
        Command::Shared(command) => command.perform(),
        Command::Member { seed } => cli::ended(member::run(seed)),
    }
}

/// Has every free of every thread reach the allocator's figures at once, as [`sampler::count_exactly`] does on ours: p2panda's
/// actors and SQLite have threads of their own. jemalloc reads that once, as the process begins, so the process begins again.
fn count_exactly_everywhere() {
    if env::var_os(MALLOC_CONF).is_none()
        && let Ok(program) = env::current_exe()
    {
        let mut again = process::Command::new(program);
        again
            .args(env::args_os().skip(1))
            .env(MALLOC_CONF, "tcache:false");
        // It comes back only where it failed; then what is counted is a little rougher.
        drop(again.exec());
    }
}
