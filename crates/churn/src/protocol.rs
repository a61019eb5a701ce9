//! The lines a workload writes on stdout: what they say, how they are written, and the text that explains them.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};

use serde::Serialize;

/// Version of the lines below; counted up when one changes its meaning.
pub const PROTOCOL: u32 = 1;

/// Which of the two builds this is.
pub const SIDE: &str = if cfg!(feature = "fork") {
    "patched"
} else {
    "upstream"
};

/// The manifest this build was made from. Its exact requirements (`=1.2.3`) are the versions under load.
const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));

/// The protocol, for whoever writes a workload or reads one.
pub const HELP: &str = "\
THE PROTOCOL
  A workload makes one kind of event happen over and over and writes what its process holds meanwhile. `cargo soak`
  reads it; any program that speaks these lines is a workload. Stdout carries them and nothing else, each flushed as it
  is written; logs go to stderr (RUST_LOG, silent by default).

  `list` prints one JSON array, an object a scenario:
    name, about, event     what it is called, does, and what one event is
    defects                slugs of everything that has to be fixed before it can be flat, and live
    quick                  a short run: events, samples, warmup_events (samples before that many events are not judged),
                           settle_ms (rest before each sample by the clock of the nodes, so that what is in flight or
                           about to be dropped is not counted), seconds_max (it should take no longer)
    budget_bytes_per_event growth of the live heap per event that still counts as flat
  One named `canary` is a control and no scenario: `run canary --leak BYTES` leaks so many bytes an event, and `cargo soak`
  checks that it sees them. A workload without one is judged without that control.

  `run SCENARIO --seed N [--events N] [--samples N]` prints one JSON object a line:
    {\"type\":\"hello\",\"protocol\":1,\"side\":\"patched\",\"scenario\":\"known-peers\",\"seed\":1,\"events\":12000,
     \"event\":\"peer learnt\",\"warmup_events\":4000,\"settle_ms\":5,\"versions\":{\"p2panda-net\":\"0.4.0\"}}
        first, once. `side` is `patched` or `upstream`; with --events, warmup_events is scaled along.
    {\"type\":\"sample\",\"elapsed_ms\":12,\"events\":250,\"heap_bytes\":1234567,\"resident_bytes\":23456789,\"fds\":14,
     \"sockets\":3,\"threads\":3,\"tasks\":41,\"stats\":{}}
        spread evenly over the events, the first at 0, the last at the end. heap_bytes: bytes that are allocated and not
        freed, as the allocator counts them; resident_bytes, fds, sockets (those of the fds that are one), threads: the
        kernel's figures; tasks: alive tasks of the runtime; elapsed_ms: wall clock; stats: what the node says of itself,
        left out where it says nothing. A figure that a workload cannot give is null or left out, never 0; what the
        kernel knows `cargo soak` then asks it.
    {\"type\":\"done\",\"events\":12000,\"elapsed_ms\":8123}
        last, once, after everything was done. Or instead:
    {\"type\":\"dead\",\"events\":3,\"elapsed_ms\":412,\"what\":\"one line\"}
        where what is measured serves nobody any more, since so many events: no fault of the run, which ends in order. After
        what an honest peer was owed, what shows it, and within how long. Samples up to then count. Or else:
    {\"type\":\"error\",\"message\":\"one line\"}

  `run SCENARIO .. --profile DIR` writes who holds the heap as well, in jemalloc's own format: DIR/start.heap at the first
  sample after the warm-up, DIR/end.heap at the last. For `cargo soak --profile`, which sets _RJEM_MALLOC_CONF and
  MALLOC_CONF to prof:true; a workload without a profiler refuses.

  The workloads here run real nodes over real sockets on loopback, but by a clock that jumps ahead to the next timer
  whenever nothing else is to be done: hours of waiting take seconds. A workload of your own may as well just wait.
  They send to loopback alone, but for iroh's port mapper, which cannot be turned off: it asks the gateway and the local
  network for a mapping. `unshare -rn sh -c 'ip link set lo up; churn-patched run ...'` keeps that in.

  `member --seed N`, where there is such a command, is one node of a fleet, by the system's clock. Commands on stdin, one
  JSON object a line:
    {\"do\":\"meet\",\"public_key\":\"<hex>\",\"addresses\":[\"127.0.0.1:4000\"]}   learn where another member is
    {\"do\":\"say\",\"text\":\"a\"}  {\"do\":\"publish\",\"text\":\"b\"}                gossip; append to the own log, for sync
    {\"do\":\"sample\"}                                                      tell what the process holds
    {\"do\":\"stop\"}                                                        or the end of stdin
  Answers on stdout: {\"type\":\"member\",\"side\":..,\"public_key\":..,\"addresses\":[..]} first; {\"type\":\"joined\"};
  {\"type\":\"heard\",\"text\":\"a\"}; {\"type\":\"synced\",\"text\":\"b\"}; {\"type\":\"sample\",\"heap_bytes\":1234567,..}, as a
  sample of a run, without events; {\"type\":\"stopped\"} or an error line last.

  `visit DEED --key HEX --address 127.0.0.1:4000 --seconds N` is strangers to a node in another process, by the system's
  clock: a member of a fleet, or one whose --network and --topic are named. Deeds are peer-churn, forged-announcements and
  gossip-flood; --rate bounds the messages a second. Last it prints
    {\"type\":\"visited\",\"deed\":\"peer-churn\",\"events\":90,\"failures\":0,\"elapsed_ms\":60012}

  Exit codes: 0 done or dead, 1 failed (an error line says why), 2 bad use (stderr says what was given and what there is).
  A run ends by itself at the latest after four times seconds_max (more with more --events), and when stdout closes.

EXAMPLES
  churn-patched list
  churn-patched run known-peers --seed 7
  churn-upstream run lonely-bootstrap --seed 7 --events 40 --samples 20
  churn-patched member --seed 7
";

/// One line of a run.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    /// First: what follows.
    Hello {
        protocol: u32,
        side: &'static str,
        scenario: &'static str,
        seed: u64,
        events: u64,
        event: &'static str,
        warmup_events: u64,
        settle_ms: u64,
        versions: BTreeMap<&'static str, &'static str>,
    },
    /// What the process holds after so many events.
    Sample {
        elapsed_ms: u64,
        events: u64,
        #[serde(flatten)]
        held: Held,
        #[serde(skip_serializing_if = "Option::is_none")]
        stats: Option<serde_json::Value>,
    },
    /// Last, after a whole run.
    Done { events: u64, elapsed_ms: u64 },
    /// Last, after a run in which what is measured has died.
    Dead {
        events: u64,
        elapsed_ms: u64,
        what: String,
    },
    /// Last, after a run that failed.
    Error { message: String },
}

/// What the process holds at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Held {
    /// Bytes allocated and not freed.
    pub heap_bytes: u64,
    /// Bytes of memory that the kernel keeps for the process.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub fds: u64,
    /// Those of them that are sockets.
    pub sockets: u64,
    /// Threads.
    pub threads: u64,
    /// Tasks of the runtime that have not ended.
    pub tasks: u64,
}

/// Writes one line to stdout and flushes it.
pub fn write(line: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, line)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Whether the error means that nobody reads stdout any more.
pub fn is_closed(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The versions of the crates under load.
pub fn versions() -> BTreeMap<&'static str, &'static str> {
    exact_versions(MANIFEST)
}

/// Name and version of each dependency that a manifest of ours requires exactly and always.
fn exact_versions(manifest: &str) -> BTreeMap<&str, &str> {
    manifest
        .lines()
        .filter(|line| !line.contains("optional = true"))
        .filter_map(|line| {
            let (name, requirement) = line.split_once(" = ")?;
            let (_, exact) = requirement.split_once("\"=")?;
            let (version, _) = exact.split_once('"')?;
            Some((name, version))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(line: &Line) -> String {
        serde_json::to_string(line).unwrap()
    }

    const HELD: Held = Held {
        heap_bytes: 1,
        resident_bytes: 2,
        fds: 3,
        sockets: 2,
        threads: 4,
        tasks: 5,
    };

    #[test]
    fn a_sample_without_stats_leaves_the_key_out() {
        let line = Line::Sample {
            elapsed_ms: 12,
            events: 250,
            held: HELD,
            stats: None,
        };
        assert_eq!(
            json(&line),
            r#"{"type":"sample","elapsed_ms":12,"events":250,"heap_bytes":1,"resident_bytes":2,"fds":3,"sockets":2,"threads":4,"tasks":5}"#
        );
    }

    #[test]
    fn a_sample_with_stats_carries_them_as_an_object() {
        let line = Line::Sample {
            elapsed_ms: 12,
            events: 250,
            held: HELD,
            stats: Some(serde_json::json!({"peers": 7})),
        };
        assert!(json(&line).ends_with(r#""tasks":5,"stats":{"peers":7}}"#));
    }

    #[test]
    fn hello_says_what_follows() {
        let line = Line::Hello {
            protocol: PROTOCOL,
            side: "patched",
            scenario: "known-peers",
            seed: 1,
            events: 12000,
            event: "peer learnt",
            warmup_events: 4000,
            settle_ms: 5,
            versions: BTreeMap::from([("p2panda-net", "0.4.0")]),
        };
        assert_eq!(
            json(&line),
            r#"{"type":"hello","protocol":1,"side":"patched","scenario":"known-peers","seed":1,"events":12000,"event":"peer learnt","warmup_events":4000,"settle_ms":5,"versions":{"p2panda-net":"0.4.0"}}"#
        );
    }

    #[test]
    fn the_last_line_is_done_or_dead_or_error() {
        let done = Line::Done {
            events: 12000,
            elapsed_ms: 8123,
        };
        assert_eq!(
            json(&done),
            r#"{"type":"done","events":12000,"elapsed_ms":8123}"#
        );
        let dead = Line::Dead {
            events: 3,
            elapsed_ms: 412,
            what: "nobody answers".into(),
        };
        assert_eq!(
            json(&dead),
            r#"{"type":"dead","events":3,"elapsed_ms":412,"what":"nobody answers"}"#
        );
        let error = Line::Error {
            message: "no\nluck".into(),
        };
        assert_eq!(json(&error), r#"{"type":"error","message":"no\nluck"}"#);
    }

    #[test]
    fn only_exact_requirements_that_are_always_built_count_as_versions() {
        let manifest = r#"
[dependencies]
one = "=1.2.3"
two = { version = "=4.5.6", features = ["x"] }
three = { version = "=7.8.9", optional = true }
four = "1"
"#;
        assert_eq!(
            exact_versions(manifest),
            BTreeMap::from([("one", "1.2.3"), ("two", "4.5.6")])
        );
    }

    #[test]
    fn our_own_manifest_names_the_crates_under_load() {
        for name in ["iroh", "iroh-gossip", "p2panda-net"] {
            assert!(versions().contains_key(name), "{name}");
        }
    }
}
