//! A workload of one's own for `cargo soak run`: the least that one needs, and a leak to be found.
//!
//! An event is a peer learnt. Where its file is called `upstream`, none is ever forgotten. Run it as both sides:
//!
//!     cargo build --example own_workload
//!     cp ../../target/debug/examples/own_workload upstream; (cat upstream; echo) > patched; chmod +x patched
//!     cargo soak run --profile --upstream ./upstream --patched ./patched
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::env;
use std::hint::black_box;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tikv_jemalloc_ctl::{epoch, stats};
use tikv_jemallocator::Jemalloc;

use crate::profile::Profiles;

// The way to jemalloc's heap profiles, as our own workload has it.
#[path = "../../churn/src/profile.rs"]
mod profile;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// What is forgotten where anything is: all but this many.
const PEERS_MAX: usize = 100;

fn main() -> Result<()> {
    match env::args().nth(1).as_deref() {
        Some("list") => list(),
        Some("run") => run(),
        _ => bail!("expected `list` or `run`"),
    }
}

fn list() -> Result<()> {
    let quick = json!({"events": 4_800, "samples": 48, "warmup_events": 1_600, "settle_ms": 0, "seconds_max": 5});
    println!(
        "{}",
        json!([{"name": "peers", "about": "Learns peers", "event": "peer learnt", "defects": ["peers-grow"],
            "quick": quick, "budget_bytes_per_event": 8.0}])
    );
    Ok(())
}

fn run() -> Result<()> {
    let [seed, events, samples] = ["--seed", "--events", "--samples"].map(number);
    let (seed, events, samples) = (seed?, events?, samples?);
    let profiles = option("--profile").map(|folder| Profiles::new(folder.into()));
    let profiles = profiles.transpose()?;
    let forgets = !env::current_exe()?.ends_with("upstream");
    let warm_up = events / 3;
    println!(
        "{}",
        json!({"type": "hello", "protocol": 1, "scenario": "peers", "seed": seed, "events": events,
            "event": "peer learnt", "warmup_events": warm_up, "settle_ms": 0})
    );

    let mut peers = VecDeque::new();
    let mut started = false;
    for event in 0..=events {
        if event == events || event % (events / samples) == 0 {
            sample(event)?;
            if let Some(profiles) = &profiles {
                if event >= warm_up && !started {
                    started = true;
                    profiles.take("start")?;
                }
                if event == events {
                    profiles.take("end")?;
                }
            }
        }
        learn_a_peer(&mut peers, event);
        if forgets && peers.len() > PEERS_MAX {
            peers.pop_front();
        }
    }
    println!(r#"{{"type":"done","events":{events},"elapsed_ms":0}}"#);
    Ok(())
}

/// The function that the profile has to name.
#[inline(never)]
fn learn_a_peer(peers: &mut VecDeque<Box<[u8]>>, event: u64) {
    peers.push_back(black_box(vec![event as u8; 256].into_boxed_slice()));
}

/// What it does not say, threads and descriptors, `cargo soak` asks the kernel for.
fn sample(events: u64) -> Result<()> {
    epoch::advance().map_err(|error| anyhow::anyhow!("{error}"))?;
    let heap = stats::allocated::read().map_err(|error| anyhow::anyhow!("{error}"))?;
    println!(r#"{{"type":"sample","elapsed_ms":0,"events":{events},"heap_bytes":{heap}}}"#);
    Ok(())
}

fn number(name: &str) -> Result<u64> {
    let text = option(name).with_context(|| format!("{name} is missing"))?;
    text.parse().with_context(|| format!("{name} {text}"))
}

fn option(name: &str) -> Option<String> {
    let mut arguments = env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}
