//! Frames of gossip that no honest peer sends, and commands in haste: how much does a topic keep for them, and is it served?

use std::time::Duration;

use anyhow::{Result, ensure};
use iroh_gossip::proto::{Command, InEvent};
use serde_json::{Value, json};

use super::{AT_REST, Quick, Scenario};
use crate::gossip_state::defects;
use crate::lone_gossip::{NEIGHBOUR, Node, TOPIC, announcement, graft, message, message_after};
use crate::owed::outlives;
use crate::run::{Dead, Run};

pub const INVENTED_MESSAGES: Scenario = Scenario {
    name: "invented-messages",
    about: "A neighbour announces messages that do not exist, twenty a second",
    event: "20 messages announced",
    defects: defects::MISSING,
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(announce_what_does_not_exist(run)),
};

pub const PAYLOAD_FLOOD: Scenario = Scenario {
    name: "payload-flood",
    about: "A neighbour sends a topic new messages of 1 KB at 0.4 MB/s, where payloads of 128 KiB may be kept",
    event: "four messages received",
    defects: defects::PAYLOADS,
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(flood(run)),
};

pub const LATE_FRAMES: Scenario = Scenario {
    name: "late-frames",
    about: "Strangers disconnect from a topic, and then a last frame of each is handled: it prunes, or asks for a message",
    event: "ten late frames",
    defects: defects::LATE,
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(come_late(run)),
};

pub const MANY_HOPS: Scenario = Scenario {
    name: "many-hops",
    about: "A neighbour sends a message with the highest count of hops that can be written",
    event: "message passed on with the same count",
    defects: defects::ROUNDS,
    // Warm: the ids of the first are forgotten, 90 s after they were seen.
    quick: Quick {
        events: 960,
        warmup_events: 320,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(send_from_afar(run)),
};

pub const LONG_WALKS: Scenario = Scenario {
    name: "long-walks",
    about: "A neighbour introduces a peer on the longest walk that can be written",
    event: "introduction passed on, on a walk as short as others",
    defects: defects::WALKS,
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(introduce_far_and_wide(run)),
};

pub const INTRODUCED_PEERS: Scenario = Scenario {
    name: "introduced-peers",
    about: "A neighbour introduces peers that exist nowhere, eight at a time, with 100 bytes about each",
    event: "eight peers introduced",
    defects: defects::PEER_DATA,
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(introduce_nobody(run)),
};

pub const HASTY_REJOIN: Scenario = Scenario {
    name: "hasty-rejoin",
    about: "A node leaves a topic and joins it again, once a second, before the timers of the topic it left have fired",
    event: "topic left, and joined again",
    defects: defects::TIMERS,
    // Warm: as many timers of the topics it left wait as a minute holds, which is what a timer takes at most.
    quick: AT_REST,
    budget_bytes_per_event: 16.0,
    run: |run| Box::pin(rejoin_hastily(run)),
};

async fn announce_what_does_not_exist(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    while run.next().await?.is_some() {
        let ids = (0..20).map(|_| run.random::<32>());
        node.receive(NEIGHBOUR, announcement(ids))?;
        node.pass(Duration::from_secs(1));
    }
    Ok(())
}

async fn flood(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    while run.next().await?.is_some() {
        for _ in 0..4 {
            node.receive(NEIGHBOUR, message(&run.random::<1000>()))?;
        }
        node.pass(Duration::from_millis(10));
    }
    Ok(())
}

async fn come_late(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    while let Some(event) = run.next().await? {
        for stranger in 0..5 {
            let asks = 100 + 10 * event + 2 * stranger;
            for (stranger, frame) in [(asks, graft(run.random())), (asks + 1, json!("Prune"))] {
                node.handle(InEvent::PeerDisconnected(stranger));
                node.receive(stranger, json!({ "Gossip": frame }))?;
            }
        }
        node.pass(Duration::from_secs(1));
    }
    Ok(())
}

async fn send_from_afar(run: &mut Run) -> Result<()> {
    let mut node = Node::with_neighbours()?;
    while run.next().await?.is_some() {
        node.pass(Duration::from_secs(1));
        let far = message_after(&run.random::<32>(), u16::MAX);
        outlives(|| node.receive(NEIGHBOUR, far))??;
        let hops = |frame: &Value| frame["Gossip"]["Gossip"]["scope"]["Swarm"].as_u64();
        let hops = node.told(hops)?;
        ensure!(!hops.is_empty(), "no message is passed on");
        if hops.iter().any(|hops| *hops != u64::from(u16::MAX)) {
            return Err(Dead("a message is passed on as if it were new".into()).into());
        }
    }
    Ok(())
}

async fn introduce_far_and_wide(run: &mut Run) -> Result<()> {
    /// More hops than anybody's own frames walk.
    const FAR: u64 = 100;
    let mut node = Node::with_neighbours()?;
    while let Some(event) = run.next().await? {
        node.pass(Duration::from_secs(1));
        let walk = json!({ "peer": { "id": 100 + event, "data": null }, "ttl": u16::MAX });
        node.receive(NEIGHBOUR, json!({ "Swarm": { "ForwardJoin": walk } }))?;
        let left = node.told(|frame| frame["Swarm"]["ForwardJoin"]["ttl"].as_u64())?;
        ensure!(!left.is_empty(), "no introduction is passed on");
        if let Some(left) = left.iter().find(|left| **left > FAR) {
            return Err(Dead(format!("an introduction walks on for {left} hops")).into());
        }
    }
    Ok(())
}

async fn introduce_nobody(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    while let Some(event) = run.next().await? {
        let introduced = |peer: u64| json!({ "id": 100 + 8 * event + peer, "data": vec![0; 100] });
        let nodes: Vec<_> = (0..8).map(introduced).collect();
        let shuffle = json!({ "origin": NEIGHBOUR, "nodes": nodes, "ttl": 0 });
        node.receive(NEIGHBOUR, json!({ "Swarm": { "Shuffle": shuffle } }))?;
        node.pass(Duration::from_secs(1));
    }
    Ok(())
}

async fn rejoin_hastily(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    while run.next().await?.is_some() {
        node.handle(InEvent::Command(TOPIC, Command::Quit));
        node.handle(InEvent::Command(TOPIC, Command::Join(Vec::new())));
        node.pass(Duration::from_secs(1));
    }
    Ok(())
}
