//! A node of gossip without a network: frames and commands that name the node itself, and an application that says much.

use std::time::Duration;

use anyhow::Result;
use iroh_gossip::proto::{Command, InEvent, Scope};
use serde_json::json;

use super::{AT_REST, Scenario};
use crate::lone_gossip::{NEIGHBOUR, Node, TOPIC};
use crate::run::{Dead, Run};

pub const OWN_ID: Scenario = Scenario {
    name: "own-id",
    about: "A node of gossip is introduced to itself, gets its own shuffle back, and is told to join itself: it sends nothing",
    event: "three times named to itself",
    defects: &["pending-undialable"],
    quick: AT_REST,
    budget_bytes_per_event: 16.0,
    run: |run| Box::pin(be_named(run)),
};

pub const BROADCAST_FLOOD: Scenario = Scenario {
    name: "broadcast-flood",
    about: "An application broadcasts messages of 16 KiB to a topic at 26 MB/s, of which gossip keeps what came last",
    event: "16 messages broadcast",
    defects: &["gossip-unlimited-101"],
    // Warm: the 16 MiB that a topic of the fork keeps.
    quick: AT_REST,
    // By default the ids of 16 messages stay, for longer than a run.
    budget_bytes_per_event: 8_192.0,
    run: |run| Box::pin(broadcast(run)),
};

/// The node's own number.
const OWN: u64 = 0;

async fn be_named(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    while run.next().await?.is_some() {
        node.pass(Duration::from_secs(1));
        let walk = json!({ "peer": { "id": OWN, "data": null }, "ttl": 0 });
        node.receive(NEIGHBOUR, json!({ "Swarm": { "ForwardJoin": walk } }))?;
        let shuffle = json!({ "origin": OWN, "nodes": [], "ttl": 0 });
        node.receive(NEIGHBOUR, json!({ "Swarm": { "Shuffle": shuffle } }))?;
        node.handle(InEvent::Command(TOPIC, Command::Join(vec![OWN])));
        let sent = node.told(|_| Some(1))?.len();
        if sent > 0 {
            return Err(Dead(format!("the node sends itself {sent} frames")).into());
        }
    }
    Ok(())
}

async fn broadcast(run: &mut Run) -> Result<()> {
    const MESSAGE_LEN: usize = 16 * 1024;
    let mut node = Node::new()?;
    while run.next().await?.is_some() {
        for _ in 0..16 {
            let mut message = vec![0; MESSAGE_LEN];
            message[..32].copy_from_slice(&run.random::<32>());
            let command = Command::Broadcast(message.into(), Scope::Swarm);
            node.handle(InEvent::Command(TOPIC, command));
        }
        // What it has to say is gone with that.
        node.pass(Duration::from_millis(10));
    }
    Ok(())
}
