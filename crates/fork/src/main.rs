//! The command line of `cargo fork`. Everything it does stands in the library; here are words, help and exit codes.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};
use fork::project::{EVERY_LINE, Project};
use fork::{Result, change, verbs};

/// Evergreen's tool: published crates, with our changes laid over them.
///
/// Run it from the root of the checkout. Exit codes: 0 done, 1 a check failed, 2 bad use, 130 interrupted.
#[derive(Parser)]
#[command(
    name = "cargo fork",
    bin_name = "cargo fork",
    version,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// The line that is meant: seed, newest, or all; a crate that is named has its own, and else it is seed
    #[arg(long, global = true, value_name = "LINE")]
    line: Option<String>,
}

#[derive(Subcommand)]
enum Verb {
    /// Fetch the pinned crates, check them, and lay every change over them in patched/; all or nothing
    #[command(
        after_help = "Example:\n  cargo fork assemble             makes patched/, or says that it is fresh\n  cargo fork assemble --discard   the same, dropping edits made in patched/ by hand\n  cargo fork assemble --line all  newest/patched/ as well"
    )]
    Assemble {
        /// Drop hand edits in patched/ instead of refusing to overwrite them
        #[arg(long)]
        discard: bool,
    },
    /// Make a crate ready to be worked in with plain git, and say how
    #[command(
        after_help = "Example:\n  cargo fork edit p2panda-net-0.4.0    then work in patched/p2panda-net-0.4.0 and `cargo fork refresh p2panda-net-0.4.0`"
    )]
    Edit {
        /// The crate, as p2panda-net-0.4.0, or as p2panda-net with --line
        krate: String,
    },
    /// Turn the commits in patched/ back into the change folders of patch/
    #[command(
        after_help = "Example:\n  cargo fork refresh p2panda-net-0.4.0\n  cargo fork refresh                      every crate that was edited"
    )]
    Refresh {
        /// The crate; every one that was edited where it is left out
        krate: Option<String>,
        /// Delete the folders of changes that have no commit any more
        #[arg(long)]
        drop: bool,
    },
    /// Move a crate's changes onto another release of it, by git's three-way merge
    #[command(
        after_help = "Example:\n  cargo fork rebase iroh-gossip-0.34.1 0.35.0             stops where git does, and goes on when called again\n  cargo fork rebase iroh-gossip-0.34.1 0.35.0 --abandon   leaves nothing"
    )]
    Rebase {
        /// The crate, as iroh-gossip or iroh-gossip-0.34.1
        krate: String,
        /// The release to move to
        version: String,
        /// Throw away what was begun
        #[arg(long)]
        abandon: bool,
    },
    /// Show what the changes do, with upstream's text around them
    #[command(
        after_help = "Example:\n  cargo fork diff p2panda-net-0.4.0\n  cargo fork diff p2panda-net-0.4.0 --change gossip-buffer-counters-go"
    )]
    Diff {
        /// The crate; all of them where it is left out
        krate: Option<String>,
        /// One change of it
        #[arg(long, value_name = "SLUG")]
        change: Option<String>,
    },
    /// Show a table of crates, changes, lines, upstream state and newer releases
    #[command(
        after_help = "Example:\n  cargo fork status\n  cargo fork status --upstream    releases since, and whether each change still applies"
    )]
    Status {
        /// What upstream released since, where each change stands, and whether it still applies
        #[arg(long)]
        upstream: bool,
    },
    /// Check the rules of the house: change folders, docs/DEFECTS.md, locks, format, clippy on our files
    #[command(
        after_help = "Example:\n  cargo fork lint\n  cargo fork lint --quick         leaves out clippy, which builds the patched crates"
    )]
    Lint {
        /// Only what needs no build
        #[arg(long)]
        quick: bool,
    },
    /// Run upstream's own test suites on the patched crates, then ours
    #[command(
        after_help = "Example:\n  cargo fork test\n  cargo fork test p2panda-net-0.4.0\n  cargo fork test --line newest\n  cargo fork test --before address-book-forgets-peers   the change's tests fail without it"
    )]
    Test {
        /// One crate's suite; all that a change could break, and ours, where it is left out
        krate: Option<String>,
        /// Lay a change's tests without its fix, and show them fail
        #[arg(long, value_name = "SLUG", conflicts_with = "krate")]
        before: Option<String>,
    },
    /// Build and test every prefix of each series: each change stands on those before it alone (slow; resumes)
    #[command(
        after_help = "Example:\n  cargo fork verify p2panda-store-0.4.0\n  cargo fork verify                       every series; hours; called again, it goes on where it stopped"
    )]
    Verify {
        /// The crate; every one with changes where it is left out
        krate: Option<String>,
    },
    /// Show that no public item is gone or changed, and list those that came in docs/API.md (needs a nightly toolchain)
    #[command(
        after_help = "Example:\n  cargo fork api                       writes docs/API.md\n  cargo fork api p2panda-store-0.4.0   prints what came\n\nNeeds `rustup toolchain install nightly --profile minimal`"
    )]
    Api {
        /// The crate; every one with changes where it is left out
        krate: Option<String>,
    },
    /// Run a crate's benchmarks on the untouched crate and on ours, in one run
    #[command(
        after_help = "Example:\n  cargo fork bench p2panda-net-0.4.0\n  cargo fork bench p2panda-net-0.4.0 address_book"
    )]
    Bench {
        /// The crate
        krate: String,
        /// One benchmark of it: one that our changes bring, or one that it ships
        bench: Option<String>,
    },
    /// Write mail-ready patches for upstream's repositories, with a sheet of facts beside them
    #[command(
        after_help = "Example:\n  cargo fork export --to ../series                        every crate with changes\n  cargo fork export p2panda-store-0.4.0 --to ../series\n  cargo fork export --change empty-log-panics --to ../one  alone where it goes on alone, else with those before it"
    )]
    Export {
        /// The crate; every one with changes where it is left out
        krate: Option<String>,
        /// One change of it
        #[arg(long, value_name = "SLUG")]
        change: Option<String>,
        /// Private changes too, for a report to upstream that is not public
        #[arg(long)]
        private: bool,
        /// The folder to make: a folder a crate in it
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Make a branch with the assembled crates, ready to push, that a git entry of [patch.crates-io] uses
    #[command(
        after_help = "Example:\n  cargo fork publish --git ../evergreen-3 --branch evergreen-3   the same changes give the same commit"
    )]
    Publish {
        /// The repository to make
        #[arg(long, value_name = "DIR")]
        git: PathBuf,
        /// The name of its branch
        #[arg(long, value_name = "NAME", default_value = "evergreen")]
        branch: String,
        /// Private changes too
        #[arg(long)]
        private: bool,
    },
    /// Point another project's [patch.crates-io] at the fork: at the crates of the line that the project's graph needs
    #[command(
        after_help = "The line is that of the versions which the graph has: p2panda 0.4, iroh 0.34 and quinn 0.11 are of `seed`, p2panda 0.7,\niroh 1 and noq of `newest`. A graph with crates of both gets both; --line takes one alone.\n\nExample:\n  cargo fork use ../their-project\n  cargo fork use ../their-project --vendor vendor/evergreen   copies the crates in, to be committed\n  cargo fork use ../their-project --undo                      restores Cargo.toml and Cargo.lock byte for byte"
    )]
    Use {
        /// The folder with the project's Cargo.toml
        project: PathBuf,
        /// Only this crate of the fork and what its changes need (repeatable); otherwise every one with changes that
        /// the project's graph contains
        #[arg(long = "crate", value_name = "CRATE")]
        krates: Vec<String>,
        /// Copy the crates into this folder of the project instead of pointing at patched/
        #[arg(long, value_name = "DIR")]
        vendor: Option<PathBuf>,
        /// Take it back
        #[arg(long, conflicts_with_all = ["krates", "vendor"])]
        undo: bool,
    },
}

fn main() -> ExitCode {
    // `cargo fork diff | head` ends like any other program whose reader has gone, and not with a panic.
    let always = Arc::new(AtomicBool::new(true));
    let _ = signal_hook::flag::register_conditional_default(signal_hook::consts::SIGPIPE, always);
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let whole = Project::discover(&PathBuf::from("."))?;
    let line = cli.line.as_deref().or(cli.verb.line());
    let project = whole.meant(line, cli.verb.krate(&whole)?.as_deref())?;
    match cli.verb {
        Verb::Assemble { discard } => verbs::assemble::run(&project, discard),
        Verb::Edit { krate } => verbs::edit::run(&project, &krate),
        Verb::Refresh { krate, drop } => verbs::refresh::run(&project, krate.as_deref(), drop),
        Verb::Rebase {
            krate,
            version,
            abandon: true,
        } => verbs::rebase::abandon(&project, &krate, &version),
        Verb::Rebase { krate, version, .. } => verbs::rebase::run(&project, &krate, &version),
        Verb::Diff { krate, change } => {
            verbs::diff::run(&project, krate.as_deref(), change.as_deref())
        }
        Verb::Status { upstream: true } => verbs::upstream::run(&project),
        Verb::Status { upstream: false } => verbs::status::run(&project),
        Verb::Lint { quick } => verbs::lint::run(&project, quick),
        Verb::Test {
            before: Some(slug), ..
        } => verbs::test::run_before(&project, &slug),
        Verb::Test {
            krate,
            before: None,
        } => verbs::test::run(&project, krate.as_deref()),
        Verb::Export {
            krate,
            change,
            private,
            to,
        } => verbs::export::run(&project, krate.as_deref(), change.as_deref(), private, &to),
        Verb::Publish {
            git,
            branch,
            private,
        } => verbs::publish::run(&project, &git, &branch, private),
        Verb::Verify { krate } => verbs::test::verify::run(&project, krate.as_deref()),
        Verb::Api { krate } => verbs::api::run(&project, krate.as_deref()),
        Verb::Bench { krate, bench } => verbs::bench::run(&project, &krate, bench.as_deref()),
        Verb::Use {
            project: target,
            undo: true,
            ..
        } => verbs::use_project::undo(&target),
        Verb::Use {
            project: target,
            krates,
            vendor,
            ..
        } => verbs::use_project::run(&project, &target, &krates, vendor.as_deref()),
    }
}

impl Verb {
    /// The line that is meant where none is named, if not the first or that of a crate: `use` finds its own.
    fn line(&self) -> Option<&'static str> {
        matches!(self, Verb::Use { .. }).then_some(EVERY_LINE)
    }

    /// The crate that is named, or whose change is.
    fn krate(&self, project: &Project) -> Result<Option<String>> {
        let change = match self {
            Verb::Test { before, .. } => before,
            Verb::Export {
                krate: None,
                change,
                ..
            } => change,
            _ => &None,
        };
        if let Some(slug) = change {
            return Ok(Some(change::find(project, slug)?.krate));
        }
        Ok(match self {
            Verb::Edit { krate } | Verb::Rebase { krate, .. } | Verb::Bench { krate, .. } => {
                Some(krate.clone())
            }
            Verb::Refresh { krate, .. }
            | Verb::Diff { krate, .. }
            | Verb::Test { krate, .. }
            | Verb::Verify { krate }
            | Verb::Api { krate }
            | Verb::Export { krate, .. } => krate.clone(),
            Verb::Assemble { .. }
            | Verb::Status { .. }
            | Verb::Lint { .. }
            | Verb::Publish { .. }
            | Verb::Use { .. } => None,
        })
    }
}
