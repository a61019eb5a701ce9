//! The command line of `cargo soak`: reads what is asked for, has it built, run, judged and drawn, and prints it.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand, ValueEnum};
use fork::project::{Project, split_name};
use fork::verbs::assemble;
use soak::attach::{Attach, Hourly};
use soak::baseline::Baseline;
use soak::build::{self, Kind};
use soak::claim;
use soak::fleet::{Fault, Fleet};
use soak::host::{self, Host};
use soak::interrupt::Interrupt;
use soak::mutate::{self, Wanted};
use soak::network::Network;
use soak::plan::{self, Wish};
use soak::plans::Plan;
use soak::process;
use soak::profile::{self, Profiled};
use soak::progress::Voice;
use soak::protocol::Side;
use soak::record::{self, Record};
use soak::report::profile::ProfileSummary;
use soak::report::summary::Facts;
use soak::report::{self, Summary, html, markdown, notes, plot, table};
use soak::run::{self, Run, Workloads};
use soak::verdict::Trend;
use soak::workload::Workload;

const AFTER_HELP: &str = "\
Examples:
  cargo soak --quick                             the six scenarios that show the first fixes
  cargo soak                                     every scenario, within an hour: --plan standard
  cargo soak --line newest --quick               the same of the newest releases
  cargo soak --plan overnight                    large numbers; see plans/, and write your own
  cargo soak --scenario known-peers --seed 7     one scenario, from another seed
  cargo soak --by-defect                         and a row for each defect that is marked fixed
  cargo soak --controls                          only whether the instrument can be trusted here
  cargo soak --quick --profile                   who holds what grows: stacks, and no verdict
  cargo soak --quick --json > soak.json          the summary for a program; progress on stderr
  cargo soak fleet --nodes 3                     nodes of both sides in one network
  cargo soak mutate address-book-forgets-peers   takes a change out: does a test or a scenario notice?
  cargo soak attach --pid 4711 --duration 10m    a process that is running already
  cargo soak run --upstream ./before --patched ./after
                                                 two binaries of your own that write the lines
                                                 which `churn-patched --help` documents

What it leaves: target/soak/<time>-seed<N>/ with report.html (everything, in one page), summary.md (for a
pull request), summary.json, samples.jsonl (a line a sample), growth-<scenario>.svg and what each child
wrote to standard error.

Exit codes: 0 every scenario whose defects the changes claim fixed is flat; 1 one of them grows, or dies;
2 cannot tell (also a control that did not hold, bad use, a failed build, a failed scenario); 130
interrupted. Ctrl-C keeps what was measured. If soak itself is killed, its child ends at the next line it writes.";

/// Runs real nodes on the untouched and on the patched crates, side by side, and says which of them grow or die.
#[derive(Debug, Parser)]
#[command(name = "cargo soak", bin_name = "cargo soak", after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    args: Args,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Compare two workloads: the same as no verb, and the name for two binaries of your own.
    ///
    /// `cargo soak run --upstream ./before --patched ./after` runs any two programs that write the lines which
    /// `churn-patched --help` documents.
    Run(Args),
    Attach(AttachArgs),
    Fleet(FleetArgs),
    Mutate(MutateArgs),
}

/// Take out each change, and say whether a test or a scenario notices.
///
/// With a change goes what stands on it: what git cannot lay without it, what `needs` it, and what then does not compile. Then
/// the tests that the change names should fail, and the scenarios of its defects grow. Where nothing notices, those behind it in
/// its series go as well: a change that a later one mends by the way is superseded. Builds each crate anew for each of its
/// changes, which takes minutes a change and a day for all of them; what is found stands in docs/mutations.toml at once, and
/// is not looked for again until the change, or a crate around it, is another. So it may be stopped at any time.
///
/// Exit codes: 0 all of the wanted are noticed; 1 one is not; 2 cannot tell (also one that cannot be taken out alone, or was not
/// looked at); 130 interrupted.
#[derive(Debug, clap::Args)]
struct MutateArgs {
    /// These changes, as `<slug>` or `<crate>-<version>/<slug>` [default: all].
    #[arg(value_name = "CHANGE")]
    changes: Vec<String>,

    /// Only changes of this crate.
    #[arg(long = "crate", value_name = "CRATE")]
    krate: Option<String>,

    /// Tests alone, which takes half the time; without this, the scenarios of a change that was looked at so come to it.
    #[arg(long)]
    no_scenarios: bool,

    /// Also changes of which docs/mutations.toml has what came of it.
    #[arg(long, conflicts_with = "list")]
    again: bool,

    /// Look at nothing; say what docs/mutations.toml has.
    #[arg(long)]
    list: bool,
}

/// Watch a process that is running already: is it flat?
///
/// Writes a line of CSV a sample to target/soak/<time>-pid<PID>/samples.csv: timestamp, pid, cpu_percent, mem_percent, rss_mb,
/// vsz_mb, threads, file_descriptors, sockets, cgroup_memory_mb, and a column for each metric that the address has at the
/// start. An mb is 2^20 bytes; what could not be read is an empty cell.
///
/// Exit codes: 0 flat; 1 resident memory, threads, descriptors or sockets grow by more than their budget an hour; 2 cannot
/// tell; 130 stopped before --duration.
#[derive(Debug, clap::Args)]
struct AttachArgs {
    /// The process.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    pid: i32,

    /// Where it answers with OpenMetrics or Prometheus text, over plain http.
    #[arg(long, value_name = "URL")]
    metrics: Option<String>,

    /// How long to watch, such as 90s, 10m or 8h [default: until it ends, or Ctrl-C].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,

    /// From one sample to the next [default: a 120th of --duration, within 1s and 60s; or 10s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    every: Option<Duration>,

    /// The first stretch, which is not judged [default: a tenth of --duration; or 1m].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    warm_up: Option<Duration>,

    /// How much resident memory may grow in an hour, in units of 2^20 bytes.
    #[arg(long, value_name = "MB", default_value_t = 1.0)]
    budget_rss_mb: f64,

    /// How much threads, descriptors and sockets may grow in an hour, each.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    budget_counts: f64,

    /// Print what was found as JSON instead of the table.
    #[arg(long)]
    json: bool,

    /// Where the folder is made [default: target/soak in the checkout, or else here].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs nodes of both sides in one network, and says whether everything reaches everybody.
///
/// Each node is a process. All know each other; each says some things (gossip) and publishes some (sync). With --faults,
/// the live heap of each patched node that was there all the time is compared as well, before the faults and after them.
/// Exit codes: 0 everything arrived, and memory is flat; 1 something is missing, or memory grows; 2 cannot tell; 130
/// interrupted.
#[derive(Debug, clap::Args)]
struct FleetArgs {
    /// Nodes of each side.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    nodes: u16,

    /// What each says, and what each publishes.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    messages: u16,

    /// How long it may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,

    /// Where the nodes' keys come from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Which nodes there are.
    #[arg(long, value_enum, default_value_t = Members::Mixed)]
    members: Members,

    /// Then halt, restart and kill nodes, lose packets and part the network, with a round of messages after each.
    ///
    /// --limit is for each round. Lost and late packets need a network of our own, `tc`, and netem in the kernel.
    #[arg(long)]
    faults: bool,

    /// How long all rests before memory is looked at, with --faults.
    ///
    /// Longer than a node keeps a connection to one that is gone, which is half a minute.
    #[arg(long, value_name = "SECONDS", default_value_t = 40)]
    settle: u16,

    /// Build nothing; run this as the untouched side.
    #[arg(long, value_name = "BIN", requires = "patched")]
    upstream: Option<PathBuf>,

    /// Build nothing; run this as the patched side.
    #[arg(long, value_name = "BIN", requires = "upstream")]
    patched: Option<PathBuf>,

    /// The line whose nodes these are: seed or newest.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["upstream", "patched"])]
    line: Option<String>,

    /// Stay in this network instead of making one with loopback alone.
    #[arg(long, hide = true)]
    here: bool,

    /// This network was made for this fleet.
    #[arg(long, hide = true, requires = "here")]
    own_network: bool,
}

/// The nodes of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Members {
    /// As many of each side.
    Mixed,
    /// Of the patched side alone.
    Patched,
    /// Of the untouched side alone.
    Upstream,
}

#[derive(Debug, clap::Args)]
struct Args {
    /// The plan `quick`: the fixed six scenarios, under three minutes.
    #[arg(long, conflicts_with = "plan")]
    quick: bool,

    /// The line whose workload runs: seed or newest.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["upstream", "patched"])]
    line: Option<String>,

    /// What to run: quick, standard, overnight, or a file like those in plans/ [default: standard].
    #[arg(long, value_name = "NAME|FILE")]
    plan: Option<String>,

    /// Run this scenario, at the plan's size; may be given again. All of the plan, where none is given.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,

    /// Measure the controls alone: can the instrument be trusted here?
    #[arg(long, conflicts_with_all = ["scenarios", "baseline", "by_defect"])]
    controls: bool,

    /// Name the stacks that grow most, by heap profiles of each scenario, instead of judging.
    ///
    /// For this the workload is built with jemalloc's profiler, into programs of their own. There is no verdict: with its
    /// profiler on, the allocator's figures are not those of the crates. Exit codes: 0 all was profiled; 2 something was
    /// not; 130 interrupted.
    #[arg(long, conflicts_with_all = ["controls", "baseline", "by_defect", "claims"])]
    profile: bool,

    /// Print a row for each defect that is marked fixed as well, with what shows it.
    #[arg(long)]
    by_defect: bool,

    /// What the workload draws its keys and its choices from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Print the summary as JSON instead of the table.
    #[arg(long)]
    json: bool,

    /// Say nothing while it runs; only the result.
    #[arg(short, long)]
    quiet: bool,

    /// Where the run's folder is made [default: target/soak in the checkout].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Build nothing; run this as the untouched side.
    #[arg(long, value_name = "BIN", requires = "patched")]
    upstream: Option<PathBuf>,

    /// Build nothing; run this as the patched side.
    #[arg(long, value_name = "BIN", requires = "upstream")]
    patched: Option<PathBuf>,

    /// Compare with an earlier run as well: its folder, or its name in target/soak.
    #[arg(long, value_name = "RUN")]
    baseline: Option<PathBuf>,

    /// Count this defect as fixed, instead of reading the changes; may be given again.
    #[arg(long = "claim", value_name = "SLUG")]
    claims: Vec<String>,
}

fn main() -> ExitCode {
    let Cli { verb, args } = Cli::parse();
    let ended = match verb {
        Some(Verb::Run(args)) => soak(&args),
        Some(Verb::Attach(args)) => attach(&args),
        Some(Verb::Fleet(args)) => fleet(&args),
        Some(Verb::Mutate(args)) => mutate(&args),
        None => soak(&args),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // A terminal that is gone is no reason to panic.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            let interrupted = matches!(error.downcast_ref(), Some(soak::Error::Interrupted));
            ExitCode::from(if interrupted { 130 } else { 2 })
        }
    }
}

/// Watches a process and says whether it grows.
fn attach(args: &AttachArgs) -> anyhow::Result<u8> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    let interrupt = Interrupt::on_signals().context("cannot listen for Ctrl-C")?;
    let shortest = Duration::from_secs(1);
    let every = |most: Duration| (most / 120).clamp(shortest, Duration::from_secs(60));
    let wanted = Attach {
        pid: args.pid,
        metrics: args.metrics.clone(),
        duration: args.duration,
        every: args
            .every
            .or(args.duration.map(every))
            .unwrap_or(Duration::from_secs(10))
            .max(Duration::from_millis(10)),
        warm_up: args
            .warm_up
            .or(args.duration.map(|most| most / 10))
            .unwrap_or(Duration::from_secs(60)),
        budgets: Hourly {
            rss_mb: args.budget_rss_mb,
            counts: args.budget_counts,
        },
    };
    let project = Project::discover(&here);
    let root = project.as_ref().map_or(&*here, Project::root);
    let out = args.out.clone().unwrap_or_else(|| root.join("target/soak"));
    let (_, dir) = record::folder(&out, SystemTime::now(), &format!("pid{}", args.pid))?;
    let path = dir.join("samples.csv");
    let mut csv =
        File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let (observed, written) =
        soak::attach::run(&wanted, &mut csv, &interrupt).inspect_err(|_| {
            // Nothing was seen; an empty folder would only be in the way.
            let _ = fs::remove_dir_all(&dir);
        })?;
    let json = serde_json::to_string_pretty(&observed)? + "\n";
    let text = if args.json {
        json.clone()
    } else {
        let files = format!("files:  {}\n", from_here(&dir).display());
        report::attach::attach(&observed) + &files
    };
    // A reader that is gone is no reason to fail.
    let _ = io::stdout().write_all(text.as_bytes());
    written.with_context(|| format!("cannot write {}", path.display()))?;
    fs::write(dir.join("summary.json"), json).context("cannot write summary.json")?;
    Ok(match (observed.ended, observed.verdict) {
        (_, Trend::Grows) => 1,
        (soak::attach::Ended::Interrupted, _) if args.duration.is_some() => 130,
        (_, Trend::Flat) => 0,
        (_, Trend::CannotTell) => 2,
    })
}

/// Takes changes out, and says which of them nothing notices.
fn mutate(args: &MutateArgs) -> anyhow::Result<u8> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    let project = Project::discover(&here)?;
    let wanted = Wanted {
        changes: args.changes.clone(),
        krate: args.krate.clone(),
        no_scenarios: args.no_scenarios,
        again: args.again,
        list: args.list,
    };
    let interrupt = Interrupt::on_signals().context("cannot listen for Ctrl-C")?;
    let tell = |text: &str| drop(writeln!(io::stderr(), "mutate: {text}"));
    let findings = mutate::run(&project, &wanted, tell, &interrupt)?;
    // A reader that is gone is no reason to fail.
    let _ = io::stdout().write_all(report::mutate::mutate(&findings).as_bytes());
    Ok(mutate::exit_code(&findings))
}

/// Builds both sides and runs a fleet of them, where possible in a network with nothing but loopback.
fn fleet(args: &FleetArgs) -> anyhow::Result<u8> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    let project =
        Project::discover(&here).and_then(|whole| whole.meant(args.line.as_deref(), None));
    let (workloads, interrupt) = prepare(&args.upstream, &args.patched, &project, Kind::Measured)?;
    if !args.here && Network::narrowest() == Network::LoopbackOnly {
        return fleet_on_loopback(args, &workloads, &interrupt);
    }
    let nodes = |without| {
        if args.members == without {
            0
        } else {
            args.nodes.into()
        }
    };
    let size = Fleet {
        upstream: nodes(Members::Patched),
        patched: nodes(Members::Upstream),
        faults: faults(args),
        messages: args.messages.into(),
        limit: Duration::from_secs(args.limit.into()),
        seed: args.seed,
        settle: Duration::from_secs(args.settle.into()),
    };
    let began = Instant::now();
    let outcome = soak::fleet::run(&size, &workloads, &interrupt)?;
    let text = report::fleet::fleet(&outcome, began.elapsed());
    // A reader that is gone is no reason to fail.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(outcome.exit_code())
}

/// The faults that can be had here; says which are left out.
fn faults(args: &FleetArgs) -> Vec<Fault> {
    if !args.faults {
        return Vec::new();
    }
    // Never on the machine's own loopback device.
    let mut faults = Fault::PROCESSES.to_vec();
    if args.own_network && soak::fleet::has_netem() {
        faults.extend(Fault::NETWORK);
    } else {
        let left_out = Fault::NETWORK
            .map(|fault| format!("`{fault}`"))
            .join(" and ");
        let why = "that needs a network of our own, `tc`, and netem in the kernel";
        let _ = writeln!(io::stderr(), "left out: {left_out}: {why}");
    }
    faults
}

/// Runs this program again in a network of its own, for the members have to share one.
fn fleet_on_loopback(
    args: &FleetArgs,
    workloads: &Workloads,
    interrupt: &Interrupt,
) -> anyhow::Result<u8> {
    let program = env::current_exe().context("cannot tell where this program is")?;
    let mut command = Network::LoopbackOnly.command(&program);
    command.args(["fleet", "--here", "--own-network"]);
    for (name, value) in [
        ("--nodes", args.nodes.to_string()),
        ("--messages", args.messages.to_string()),
        ("--limit", args.limit.to_string()),
        ("--seed", args.seed.to_string()),
        ("--settle", args.settle.to_string()),
    ] {
        command.args([name, &value]);
    }
    if let Some(members) = args.members.to_possible_value() {
        command.args(["--members", members.get_name()]);
    }
    command.args(args.faults.then_some("--faults"));
    command.arg("--upstream").arg(&workloads.upstream.program);
    command.arg("--patched").arg(&workloads.patched.program);
    let status = process::wait_for(&mut command, interrupt).context("cannot run the fleet")?;
    // Without a code it was killed, and has said nothing.
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(2))
}

fn soak(args: &Args) -> anyhow::Result<u8> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    let project =
        Project::discover(&here).and_then(|whole| whole.meant(args.line.as_deref(), None));
    // Before anything is built.
    let wish = wish(args)?;
    let kind = if args.profile {
        Kind::Profiled
    } else {
        Kind::Measured
    };
    let (workloads, interrupt) = prepare(&args.upstream, &args.patched, &project, kind)?;
    let claims = match &project {
        Ok(project) => claim::read(project)?,
        Err(_) => Vec::new(),
    };
    let claimed: BTreeSet<_> = match (&project, args.claims.as_slice()) {
        (Ok(project), []) => claim::fixed(project, &claims)?,
        (_, claims) => claims.iter().cloned().collect(),
    };
    let digests = host::digests(&workloads.upstream.program, &workloads.patched.program)?;
    let listed = workloads.upstream.list(&interrupt)?;
    plan::agree(&listed, &workloads.patched.list(&interrupt)?)?;
    let jobs = plan::plan(&listed, &wish)?;
    let controls = plan::controls(&listed, &jobs, &wish)?;
    let jobs = if args.controls { Vec::new() } else { jobs };

    let root = project.as_ref().map_or(&*here, Project::root);
    let out = args.out.clone().unwrap_or_else(|| root.join("target/soak"));
    let baseline = match &args.baseline {
        Some(run) => Some(Baseline::read(run, &out)?),
        None => None,
    };
    let mut record = Record::create(&out, SystemTime::now(), wish.seed)?;
    let voice = if args.quiet {
        Voice::Quiet
    } else {
        Voice::Telling
    };
    let facts = Facts {
        id: record.id().into(),
        seed: wish.seed,
        plan: wish.plan.name.clone(),
        replay: replay(args),
        commit: project
            .as_ref()
            .ok()
            .and_then(|project| host::commit(project.root())),
        host: Host::here(workloads.patched.network),
        digests,
        claimed,
        claims,
        baseline,
    };
    if args.profile {
        let crates = match &project {
            Ok(project) => project.crates()?,
            Err(_) => Vec::new(),
        };
        let crates = crates.iter().filter_map(|krate| split_name(krate));
        let crates = crates.map(|(name, _)| name.to_owned()).collect();
        let run = profile::run(jobs, &workloads, &crates, &mut record, voice, &interrupt);
        return told(args, run, facts, record);
    }
    let run = run::run(jobs, controls, &workloads, &mut record, voice, &interrupt);
    let summary = Summary::new(&run, facts);
    let json = serde_json::to_string_pretty(&summary)? + "\n";
    // Printed first: a full disk must not keep the result from the user.
    print(args, &summary, &json, &record);
    leave(record, &run, &summary, &json)?;
    Ok(summary.exit_code)
}

/// Prints and leaves what a profiled run found.
fn told(args: &Args, run: Profiled, facts: Facts, record: Record) -> anyhow::Result<u8> {
    let code = run.exit_code();
    let summary = ProfileSummary::new(run, facts);
    let json = serde_json::to_string_pretty(&summary)? + "\n";
    let text = if args.json {
        json.clone()
    } else {
        let files = from_here(record.dir()).display();
        report::profile::text(&summary) + &format!("files:  {files}\nreplay: {}\n", summary.replay)
    };
    // A reader that is gone is no reason to fail: the files are still to be written.
    let _ = io::stdout().write_all(text.as_bytes());
    record.file("summary.json", &json)?;
    record.file("summary.md", &report::profile::markdown(&summary))?;
    record.file("report.html", &report::profile::html(&summary))?;
    record.check()?;
    Ok(code)
}

/// The two binaries, built if need be; from here on Ctrl-C is ours to answer.
fn prepare(
    upstream: &Option<PathBuf>,
    patched: &Option<PathBuf>,
    project: &fork::Result<Project>,
    kind: Kind,
) -> anyhow::Result<(Workloads, Interrupt)> {
    let listen = || Interrupt::on_signals().context("cannot listen for Ctrl-C");
    if let Some(own) = own_binaries(upstream, patched)? {
        return Ok((own, listen()?));
    }
    let project = project
        .as_ref()
        .map_err(|error| anyhow!("{error}, or name two binaries with --upstream and --patched"))?;
    let [line] = project.lines() else {
        return Err(anyhow!("--line all: a run is of one line"));
    };
    // Before Ctrl-C is ours: assembling is all or nothing, and may be cut off anywhere.
    assemble::ensure(project)?;
    let interrupt = listen()?;
    Ok((build::build(line, kind, &interrupt)?, interrupt))
}

/// The binaries that the user named, if any.
fn own_binaries(
    upstream: &Option<PathBuf>,
    patched: &Option<PathBuf>,
) -> anyhow::Result<Option<Workloads>> {
    let (Some(upstream), Some(patched)) = (upstream, patched) else {
        return Ok(None);
    };
    let workload = |side, program: &Path| {
        let program = program
            .canonicalize()
            .with_context(|| format!("--{side} {}", program.display()))?;
        // What a user's own workload needs to reach is not for us to say.
        let network = Network::Host;
        anyhow::Ok(Workload {
            side,
            program,
            network,
        })
    };
    Ok(Some(Workloads {
        upstream: workload(Side::Upstream, upstream)?,
        patched: workload(Side::Patched, patched)?,
    }))
}

fn wish(args: &Args) -> soak::Result<Wish> {
    let named = args.plan.as_deref();
    let default = if args.quick {
        Plan::QUICK
    } else {
        Plan::STANDARD
    };
    Ok(Wish {
        scenarios: args.scenarios.clone(),
        plan: Plan::find(named.unwrap_or(default))?,
        seed: args.seed,
    })
}

/// The command that repeats the run.
fn replay(args: &Args) -> String {
    let mut words = vec!["cargo soak".to_owned()];
    if args.quick {
        words.push("--quick".into());
    }
    words.extend(args.line.as_ref().map(|line| format!("--line {line}")));
    words.extend(args.plan.as_ref().map(|plan| format!("--plan {plan}")));
    words.extend(args.controls.then(|| "--controls".into()));
    words.extend(args.profile.then(|| "--profile".into()));
    words.push(format!("--seed {}", args.seed));
    words.extend(
        args.scenarios
            .iter()
            .map(|name| format!("--scenario {name}")),
    );
    let binaries = [("upstream", &args.upstream), ("patched", &args.patched)];
    words.extend(binaries.into_iter().filter_map(|(name, path)| {
        let path = path.as_ref()?;
        Some(format!("--{name} {}", path.display()))
    }));
    words.extend(args.claims.iter().map(|slug| format!("--claim {slug}")));
    words.join(" ")
}

/// Prints the result. A reader that is gone is no reason to fail: the files are still to be written.
fn print(args: &Args, summary: &Summary, json: &str, record: &Record) {
    let mut out = io::stdout().lock();
    let text = if args.json {
        json.to_owned()
    } else {
        let coloured =
            out.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let mut text = String::from("\n");
        if !summary.scenarios.is_empty() {
            text.push_str(&format!("{}\n\n", table::table(summary, coloured)));
        }
        for note in notes::notes(summary) {
            text.push_str(&format!("  {note}\n"));
        }
        for line in notes::baseline(summary) {
            text.push_str(&format!("  {line}\n"));
        }
        if args.by_defect {
            text.push_str(&format!("\n{}\n", table::by_defect(summary)));
        }
        text.push('\n');
        for control in notes::controls(summary) {
            text.push_str(&format!("  control: {control}\n"));
        }
        text.push_str(&format!(
            "\nresult: {}\nfiles:  {}\nreplay: {}\n",
            notes::result(summary),
            from_here(record.dir()).display(),
            summary.replay
        ));
        text
    };
    let _ = out.write_all(text.as_bytes());
}

/// The path as one would type it: relative where it lies below the current folder.
fn from_here(path: &Path) -> &Path {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path)
}

/// Leaves summary and plots beside the samples.
fn leave(record: Record, run: &Run, summary: &Summary, json: &str) -> soak::Result<()> {
    record.file("summary.json", json)?;
    record.file("summary.md", &markdown::markdown(summary))?;
    let mut plots = Vec::new();
    let caption = format!("cargo soak · seed {} · {}", summary.seed, summary.started);
    for (row, measured) in summary.scenarios.iter().zip(&run.measured) {
        let samples = [Side::Upstream, Side::Patched]
            .map(|side| measured.of(side).map_or(&[][..], |ran| &ran.samples));
        let svg = plot::svg(row, samples, &caption)?;
        record.file(&format!("growth-{}.svg", row.name), &svg)?;
        plots.push(svg);
    }
    record.file("report.html", &html::html(summary, &plots))?;
    record.check()
}
