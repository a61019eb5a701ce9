//! Nodes of both sides in one network: whether patched and untouched ones understand each other.
//!
//! Each node is a process of its own (`member` of the workload). All meet all; each says some things and publishes some;
//! everything has to reach everybody else, by gossip and by sync.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::interrupt::Interrupt;
use crate::process::Group;
use crate::protocol::Side;
use crate::run::Workloads;
use crate::{Error, Result};

/// How often a waiting loop looks at the clock and at the interrupt.
const TICK: Duration = Duration::from_millis(50);

/// How often everybody greets until everybody has heard everybody: an overlay that was just joined still grows.
const GREETING: Duration = Duration::from_millis(500);

/// Lines of all members that may wait for us; they wait where we are slow.
const LINES: usize = 1024;

/// How large a fleet, and how much it has to say.
#[derive(Debug, Clone, Copy)]
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
}

/// What arrived, of what was sent from a node of one side to a node of a side.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Arrived {
    pub gossip: usize,
    pub sync: usize,
    /// How many of each were sent.
    pub of: usize,
}

/// Arrivals by the side that sent and the side that received.
pub type Arrivals = BTreeMap<(Side, Side), Arrived>;

impl Arrived {
    /// Whether nothing is missing.
    pub fn whole(&self) -> bool {
        self.gossip == self.of && self.sync == self.of
    }
}

/// Runs a fleet until everything has arrived or its time is over. No process is left afterwards.
///
/// # Errors
/// [`Error::Start`], [`Error::Member`] where a node fails, [`Error::Interrupted`].
pub fn run(fleet: &Fleet, workloads: &Workloads, interrupt: &Interrupt) -> Result<Arrivals> {
    let mut running = Running::start(fleet, workloads, interrupt)?;
    running.until(|members| members.iter().all(|member| member.address.is_some()))?;
    // Before anybody meets, so that the first session of each pair has something to bring, in both directions.
    for index in 0..fleet.messages {
        running.everybody(|member| Command::Publish {
            text: format!("{}/{index}", member.name),
        })?;
    }
    running.introduce()?;
    while !running.within(GREETING, Running::all_greeted)? && !running.is_late() {
        running.everybody(|member| Command::Say {
            text: member.name.clone(),
        })?;
    }
    for index in 0..fleet.messages {
        running.everybody(|member| Command::Say {
            text: format!("{}/{index}", member.name),
        })?;
    }
    running.until(|members| arrivals(members, fleet).values().all(Arrived::whole))?;
    Ok(arrivals(&running.members, fleet))
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
    Stopped,
    Error {
        message: String,
    },
}

struct Member {
    side: Side,
    name: String,
    program: PathBuf,
    stdin: ChildStdin,
    address: Option<(String, Vec<String>)>,
    heard: BTreeSet<String>,
    synced: BTreeSet<String>,
    // Last, as the process ends when its group is dropped.
    _group: Group,
}

impl Member {
    fn start(
        side: Side,
        number: usize,
        seed: u64,
        program: PathBuf,
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
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut group = Group::spawn(&mut command).map_err(start_error)?;
        let stdin = group.take_stdin().expect("asked for above");
        let stdout = group.take_stdout().expect("asked for above");
        let name = format!("{side}-{number}");
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
            name,
            program,
            stdin,
            address: None,
            heard: BTreeSet::new(),
            synced: BTreeSet::new(),
            _group: group,
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
    lines: Receiver<Heard>,
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
        let mut members = Vec::new();
        for (side, number) in sides
            .into_iter()
            .flat_map(|(side, count)| (1..=count).map(move |number| (side, number)))
        {
            // Distinct from each other and from those of the next fleet seed.
            let seed = fleet.seed.wrapping_mul(1 << 16) + members.len() as u64;
            let program = workloads.of(side).program.clone();
            members.push(Member::start(side, number, seed, program, sender.clone())?);
        }
        Ok(Self {
            members,
            lines,
            deadline: Instant::now() + fleet.limit,
            interrupt,
        })
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

    fn all_greeted(members: &[Member]) -> bool {
        members.iter().all(|member| {
            members
                .iter()
                .all(|other| other.name == member.name || member.heard.contains(&other.name))
        })
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

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

fn arrivals(members: &[Member], fleet: &Fleet) -> Arrivals {
    let mut arrivals = Arrivals::new();
    for from in members {
        for to in members.iter().filter(|to| to.name != from.name) {
            let arrived = arrivals.entry((from.side, to.side)).or_default();
            let texts = (0..fleet.messages).map(|index| format!("{}/{index}", from.name));
            for text in texts {
                arrived.of += 1;
                arrived.gossip += usize::from(to.heard.contains(&text));
                arrived.sync += usize::from(to.synced.contains(&text));
            }
        }
    }
    arrivals
}
