//! Nodes of both sides in one network: whether patched and untouched ones understand each other.
//!
//! Each node is a process of its own (`member` of the workload). All meet all; each says some things and publishes some;
//! everything has to reach everybody else, by gossip and by sync. And once all faults are over, a patched node that was
//! there all the time holds no more than before them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::error::IoContext;
use crate::interrupt::Interrupt;
use crate::process::Group;
use crate::protocol::Side;
use crate::run::Workloads;
use crate::verdict::Trend;
use crate::{Error, Result};

/// How often a waiting loop looks at the clock and at the interrupt.
const TICK: Duration = Duration::from_millis(50);

/// How often everybody greets until everybody has heard everybody: an overlay that was just joined still grows.
const GREETING: Duration = Duration::from_millis(500);

/// How long a node is halted, and the network parted: longer than a gossip neighbour's patience, shorter than a
/// connection's.
const HALT: Duration = Duration::from_secs(5);

/// How often a node's memory is looked at, and how far apart: it comes and goes a little with every timer.
const LOOKS: usize = 10;
const LOOK: Duration = Duration::from_millis(500);

/// What a node may keep of a message that it published, in bytes: its log and its index are in memory.
const KEPT_OF_A_MESSAGE: u64 = 2 << 10;

/// What a node may keep after a fault, in bytes: what it knows of a node that is gone, and room that a table took.
const KEPT_OF_A_FAULT: u64 = 64 << 10;

/// Lines of all members that may wait for us; they wait where we are slow.
const LINES: usize = 1024;

/// How large a fleet, and how much it has to say.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Nodes on the untouched crates.
    pub upstream: usize,
    /// Nodes on the patched crates.
    pub patched: usize,
    /// What each says, and what each publishes.
    pub messages: usize,
    /// How long it may take from the first process to the last arrival.
    pub limit: Duration,
    pub seed: u64,
    /// What is done to it, after everything has arrived once; each fault has a round of its own.
    pub faults: Vec<Fault>,
    /// How long it rests before its memory is looked at, where there are faults: longer than the longest timer that a node
    /// frees something by.
    pub settle: Duration,
}

/// What is done to a fleet between two rounds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nothing: the first round.
    None,
    /// One node of each side is halted (SIGSTOP) for a while and goes on (SIGCONT).
    Halted,
    /// One node of each side is killed and started again with its key, at another port.
    SameKey,
    /// One node of each side is killed and another one with a new key is started in its place.
    NewKey,
    /// One node of each side is killed (SIGKILL) and does not come back.
    Killed,
    /// Every packet is late, and one in twenty is lost.
    Lossy,
    /// Nothing gets through for a while, and then everything does again.
    Parted,
}

impl Fault {
    /// Those that need nothing but processes.
    pub const PROCESSES: [Self; 4] = [Self::Halted, Self::SameKey, Self::NewKey, Self::Killed];

    /// Those that need a network of our own and `tc` with netem.
    pub const NETWORK: [Self; 2] = [Self::Lossy, Self::Parted];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Halted => "halted for a while",
            Self::Killed => "killed",
            Self::SameKey => "restarted, same key",
            Self::NewKey => "restarted, new key",
            Self::Lossy => "5 % lost, 20 ms late",
            Self::Parted => "parted and healed",
        })
    }
}

/// What arrived, of what was sent from a node of one side to a node of a side.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Arrived {
    pub gossip: usize,
    pub sync: usize,
    /// How many of each were sent.
    pub of: usize,
}

/// Arrivals by the fault before the round, the side that sent and the side that received.
pub type Arrivals = BTreeMap<(Fault, Side, Side), Arrived>;

impl Arrived {
    /// Whether nothing is missing.
    pub fn whole(&self) -> bool {
        self.gossip == self.of && self.sync == self.of
    }
}

/// What a patched node held before the faults and after them: the least live heap in a few looks, once all has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Weighed {
    pub member: String,
    /// Missing where it did not say.
    pub before_bytes: Option<u64>,
    pub after_bytes: Option<u64>,
    /// How much more it may hold, for what it is meant to keep.
    pub budget_bytes: u64,
}

impl Weighed {
    /// How much more it holds than before.
    pub fn more_bytes(&self) -> Option<i64> {
        let [before, after] = [self.before_bytes?, self.after_bytes?].map(u64::cast_signed);
        Some(after.saturating_sub(before))
    }

    /// Whether that is flat.
    pub fn trend(&self) -> Trend {
        match self.more_bytes() {
            None => Trend::CannotTell,
            Some(more) if more <= self.budget_bytes.cast_signed() => Trend::Flat,
            Some(_) => Trend::Grows,
        }
    }
}

/// What came of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub arrivals: Arrivals,
    /// The patched nodes that were there all the time. None where there were no faults or no patched nodes.
    pub memory: Option<Vec<Weighed>>,
}

impl Outcome {
    /// What its patched nodes' memory did, all in all. None was judged where there is none.
    pub fn memory_trend(&self) -> Option<Trend> {
        let memory = self.memory.as_ref()?;
        let has = |trend| memory.iter().any(|node| node.trend() == trend);
        Some(if has(Trend::Grows) {
            Trend::Grows
        } else if memory.is_empty() || has(Trend::CannotTell) {
            Trend::CannotTell
        } else {
            Trend::Flat
        })
    }

    /// 0 where everything arrived and memory is flat, 1 where something is missing or grows, 2 where memory cannot be told.
    pub fn exit_code(&self) -> u8 {
        match (
            self.arrivals.values().all(Arrived::whole),
            self.memory_trend(),
        ) {
            (false, _) | (_, Some(Trend::Grows)) => 1,
            (true, Some(Trend::CannotTell)) => 2,
            (true, None | Some(Trend::Flat)) => 0,
        }
    }
}

/// Runs a fleet: a round of messages, and one more after each fault, among those that are there then. A round is over when
/// everything has arrived or its time is over. No process is left afterwards.
///
/// # Errors
/// [`Error::Start`], [`Error::Member`] where a node fails that was not made to, [`Error::Interrupted`].
pub fn run(fleet: &Fleet, workloads: &Workloads, interrupt: &Interrupt) -> Result<Outcome> {
    let mut running = Running::start(fleet, workloads, interrupt)?;
    running.until(|members| members.iter().all(|member| member.address.is_some()))?;
    let mut arrivals = running.round(fleet, Fault::None, 0)?;
    let weighs = !fleet.faults.is_empty() && fleet.patched > 0;
    let before = match weighs {
        true => running.weigh(fleet.settle)?,
        false => BTreeMap::new(),
    };
    for (round, fault) in (1..).zip(&fleet.faults) {
        running.deadline = Instant::now() + fleet.limit;
        running.suffer(fleet, workloads, *fault, round)?;
        arrivals.extend(running.round(fleet, *fault, round)?);
        if *fault == Fault::Lossy {
            netem(&["del"]);
        }
    }
    let memory = if weighs {
        let mut after = running.weigh(fleet.settle)?;
        let budget_bytes = budget(fleet);
        let there = before.into_iter().filter_map(|(member, before_bytes)| {
            let after_bytes = after.remove(&member)?;
            Some(Weighed {
                member,
                before_bytes,
                after_bytes,
                budget_bytes,
            })
        });
        Some(there.collect())
    } else {
        None
    };
    Ok(Outcome { arrivals, memory })
}

/// How much more a node may hold after the faults: what it published meanwhile, for its log keeps that, and what it knows
/// of nodes that are gone.
fn budget(fleet: &Fleet) -> u64 {
    let faults = fleet.faults.len() as u64;
    faults * (KEPT_OF_A_MESSAGE * fleet.messages as u64 + KEPT_OF_A_FAULT)
}

/// Whether packets on loopback can be lost and delayed here: in a network of our own, with `tc` and the kernel's netem.
pub fn has_netem() -> bool {
    netem(&["add", "netem", "delay", "1ms"]) && netem(&["del"])
}

/// Has `tc` do something with what loopback does to packets; returns whether it could. Only for a network of our own.
fn netem(action: &[&str]) -> bool {
    let Some((verb, rest)) = action.split_first() else {
        return false;
    };
    let mut command = std::process::Command::new("tc");
    command
        .args(["qdisc", verb, "dev", "lo", "root"])
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The name of a member, and a line of it; none once it has ended.
type Heard = (String, Option<String>);

/// A line to a member.
#[derive(Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Command {
    Meet {
        public_key: String,
        addresses: Vec<String>,
    },
    Say {
        text: String,
    },
    Publish {
        text: String,
    },
    Sample,
}

/// A line from a member.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Event {
    Member {
        public_key: String,
        addresses: Vec<String>,
    },
    Joined,
    Heard {
        text: String,
    },
    Synced {
        text: String,
    },
    Sample {
        heap_bytes: Option<u64>,
    },
    Stopped,
    Error {
        message: String,
    },
}

struct Member {
    side: Side,
    /// Which of its side it is, from 1.
    number: usize,
    seed: u64,
    /// Its own: one that was started again has another.
    name: String,
    program: PathBuf,
    stdin: ChildStdin,
    address: Option<(String, Vec<String>)>,
    heard: BTreeSet<String>,
    synced: BTreeSet<String>,
    /// The least live heap since it was last forgotten.
    heap_bytes: Option<u64>,
    // Last, as the process ends when its group is dropped.
    group: Group,
}

impl Member {
    fn start(
        side: Side,
        number: usize,
        seed: u64,
        round: usize,
        program: PathBuf,
        files: &Path,
        lines: SyncSender<Heard>,
    ) -> Result<Self> {
        let start_error = |source| Error::Start {
            program: program.clone(),
            source,
        };
        // Not in a network of its own: the members have to reach each other.
        let mut command = std::process::Command::new(&program);
        command
            .args(["member", "--seed", &seed.to_string()])
            .env("TMPDIR", files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut group = Group::spawn(&mut command).map_err(start_error)?;
        let stdin = group.take_stdin().expect("asked for above");
        let stdout = group.take_stdout().expect("asked for above");
        let name = match round {
            0 => format!("{side}-{number}"),
            _ => format!("{side}-{number}-again{round}"),
        };
        let from = name.clone();
        thread::spawn(move || {
            let said = BufReader::new(stdout)
                .lines()
                .map_while(std::io::Result::ok);
            for line in said.map(Some).chain([None]) {
                // Nobody listens any more: the fleet is being ended.
                if lines.send((from.clone(), line)).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            side,
            number,
            seed,
            name,
            program,
            stdin,
            address: None,
            heard: BTreeSet::new(),
            synced: BTreeSet::new(),
            heap_bytes: None,
            group,
        })
    }

    fn tell(&mut self, command: &Command) -> Result<()> {
        let line = serde_json::to_string(command).expect("strings and lists only") + "\n";
        self.stdin
            .write_all(line.as_bytes())
            .map_err(|error| self.error(format!("takes no command: {error}")))
    }

    fn hear(&mut self, line: Option<&str>) -> Result<()> {
        let Some(line) = line else {
            return Err(self.error("ended before it was told to".into()));
        };
        match serde_json::from_str(line) {
            Ok(Event::Member {
                public_key,
                addresses,
            }) => self.address = Some((public_key, addresses)),
            Ok(Event::Heard { text }) => {
                self.heard.insert(text);
            }
            Ok(Event::Synced { text }) => {
                self.synced.insert(text);
            }
            Ok(Event::Sample { heap_bytes }) => {
                self.heap_bytes = [self.heap_bytes, heap_bytes].into_iter().flatten().min();
            }
            Ok(Event::Joined | Event::Stopped) => {}
            Ok(Event::Error { message }) => return Err(self.error(message)),
            Err(_) => return Err(self.error(format!("wrote nonsense: {line}"))),
        }
        Ok(())
    }

    fn error(&self, what: String) -> Error {
        Error::Member {
            member: self.name.clone(),
            program: self.program.clone(),
            what,
        }
    }
}

struct Running<'a> {
    members: Vec<Member>,
    /// What members write for themselves, a store say: those that are killed cannot delete it. After them, as it goes last.
    files: TempDir,
    lines: Receiver<Heard>,
    /// Kept for nodes that are started later.
    sender: SyncSender<Heard>,
    deadline: Instant,
    interrupt: &'a Interrupt,
}

impl<'a> Running<'a> {
    fn start(fleet: &Fleet, workloads: &Workloads, interrupt: &'a Interrupt) -> Result<Self> {
        let (sender, lines) = mpsc::sync_channel(LINES);
        let sides = [
            (Side::Upstream, fleet.upstream),
            (Side::Patched, fleet.patched),
        ];
        let files = tempfile::tempdir().on("cannot make a folder in", &env::temp_dir())?;
        let mut members = Vec::new();
        for (side, number) in sides
            .into_iter()
            .flat_map(|(side, count)| (1..=count).map(move |number| (side, number)))
        {
            // Distinct from each other and from those of the next fleet seed.
            let seed = fleet.seed.wrapping_mul(1 << 16) + members.len() as u64;
            let program = workloads.of(side).program.clone();
            members.push(Member::start(
                side,
                number,
                seed,
                0,
                program,
                files.path(),
                sender.clone(),
            )?);
        }
        Ok(Self {
            members,
            files,
            lines,
            sender,
            deadline: Instant::now() + fleet.limit,
            interrupt,
        })
    }

    /// Everybody publishes, meets, greets and speaks; what has arrived when all has, or when the time is over.
    fn round(&mut self, fleet: &Fleet, fault: Fault, round: usize) -> Result<Arrivals> {
        let said = |member: &Member, index| format!("{}/{round}/{index}", member.name);
        // Before anybody meets, so that the first session of each pair has something to bring, in both directions.
        for index in 0..fleet.messages {
            self.everybody(|member| Command::Publish {
                text: said(member, index),
            })?;
        }
        self.introduce()?;
        let greeting = |member: &Member| format!("{}/{round}", member.name);
        let greeted = |members: &[Member]| {
            members.iter().all(|member| {
                members.iter().all(|other| {
                    other.name == member.name || member.heard.contains(&greeting(other))
                })
            })
        };
        // Half of the time at most, so that those who do hear each other have the rest for what follows.
        let enough = self.deadline - fleet.limit / 2;
        while !self.within(GREETING, greeted)? && Instant::now() < enough {
            self.everybody(|member| Command::Say {
                text: greeting(member),
            })?;
        }
        for index in 0..fleet.messages {
            self.everybody(|member| Command::Say {
                text: said(member, index),
            })?;
        }
        let so_far = |members: &[Member]| arrivals(members, fleet, fault, round);
        self.until(|members| so_far(members).values().all(Arrived::whole))?;
        Ok(so_far(&self.members))
    }

    /// What each patched node holds after a rest.
    fn weigh(&mut self, settle: Duration) -> Result<BTreeMap<String, Option<u64>>> {
        self.pass(settle)?;
        let patched = |member: &&mut Member| member.side == Side::Patched;
        for member in &mut self.members {
            member.heap_bytes = None;
        }
        for _ in 0..LOOKS {
            for member in self.members.iter_mut().filter(patched) {
                member.tell(&Command::Sample)?;
            }
            self.pass(LOOK)?;
        }
        Ok(self
            .members
            .iter_mut()
            .filter(patched)
            .map(|member| (member.name.clone(), member.heap_bytes))
            .collect())
    }

    /// Does to the fleet what `fault` says.
    fn suffer(
        &mut self,
        fleet: &Fleet,
        workloads: &Workloads,
        fault: Fault,
        round: usize,
    ) -> Result<()> {
        let last: Vec<_> = [Side::Upstream, Side::Patched]
            .into_iter()
            .filter_map(|side| self.members.iter().rposition(|member| member.side == side))
            .collect();
        match fault {
            Fault::None => {}
            Fault::Halted => {
                for at in &last {
                    self.signal(*at, Group::halt)?;
                }
                self.pass(HALT)?;
                for at in &last {
                    self.signal(*at, Group::resume)?;
                }
            }
            Fault::Killed => {
                // The later one first, so that the earlier one stays where it is.
                for at in last.into_iter().rev() {
                    self.members.remove(at);
                }
            }
            Fault::SameKey | Fault::NewKey => {
                for at in last {
                    let Member {
                        side, number, seed, ..
                    } = self.members[at];
                    let seed = match fault {
                        Fault::NewKey => seed.wrapping_add(1 << 15).wrapping_add(round as u64),
                        _ => seed,
                    };
                    let program = workloads.of(side).program.clone();
                    let sender = self.sender.clone();
                    // Dropping the one that was there kills it.
                    let files = self.files.path();
                    self.members[at] =
                        Member::start(side, number, seed, round, program, files, sender)?;
                }
                self.until(|members| members.iter().all(|member| member.address.is_some()))?;
            }
            Fault::Lossy => {
                netem(&["add", "netem", "delay", "20ms", "loss", "5%"]);
            }
            Fault::Parted => {
                netem(&["add", "netem", "loss", "100%"]);
                let parted = self.pass(HALT);
                netem(&["del"]);
                parted?;
            }
        }
        // What was lost meanwhile is nobody's fault; the round's time begins here.
        self.deadline = Instant::now() + fleet.limit;
        Ok(())
    }

    fn signal(&self, at: usize, signal: impl Fn(&Group) -> io::Result<()>) -> Result<()> {
        let member = &self.members[at];
        signal(&member.group).map_err(|error| member.error(format!("cannot be signalled: {error}")))
    }

    /// Lets time pass, and hears what comes.
    fn pass(&mut self, time: Duration) -> Result<()> {
        self.within(time, |_| false).map(|_| ())
    }

    /// Tells everybody where everybody else is.
    fn introduce(&mut self) -> Result<()> {
        let addresses: Vec<_> = self
            .members
            .iter()
            .map(|member| (member.name.clone(), member.address.clone()))
            .collect();
        for member in &mut self.members {
            for (name, address) in &addresses {
                let Some((public_key, addresses)) = address else {
                    continue;
                };
                if *name != member.name {
                    member.tell(&Command::Meet {
                        public_key: public_key.clone(),
                        addresses: addresses.clone(),
                    })?;
                }
            }
        }
        Ok(())
    }

    fn everybody(&mut self, command: impl Fn(&Member) -> Command) -> Result<()> {
        for member in &mut self.members {
            let command = command(member);
            member.tell(&command)?;
        }
        Ok(())
    }

    /// Waits until this is so, or the fleet's time is over.
    fn until(&mut self, so: impl Fn(&[Member]) -> bool) -> Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.within(left, so).map(|_| ())
    }

    /// Waits until this is so, but not longer than that; returns whether it is.
    fn within(&mut self, limit: Duration, so: impl Fn(&[Member]) -> bool) -> Result<bool> {
        let end = Instant::now() + limit;
        while !so(&self.members) {
            if self.interrupt.is_set() {
                return Err(Error::Interrupted);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            match self.lines.recv_timeout(TICK) {
                Ok((from, line)) => {
                    if let Some(member) = self.members.iter_mut().find(|member| member.name == from)
                    {
                        member.hear(line.as_deref())?;
                    }
                }
                // A member that ends says so; that all of them are gone was said then.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        Ok(true)
    }
}

fn arrivals(members: &[Member], fleet: &Fleet, fault: Fault, round: usize) -> Arrivals {
    let mut arrivals = Arrivals::new();
    for from in members {
        for to in members.iter().filter(|to| to.name != from.name) {
            let arrived = arrivals.entry((fault, from.side, to.side)).or_default();
            let texts = (0..fleet.messages).map(|index| format!("{}/{round}/{index}", from.name));
            for text in texts {
                arrived.of += 1;
                arrived.gossip += usize::from(to.heard.contains(&text));
                arrived.sync += usize::from(to.synced.contains(&text));
            }
        }
    }
    arrivals
}
