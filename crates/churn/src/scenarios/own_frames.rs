//! Frames and commands that name a gossip node itself: does it write to itself?

use anyhow::{Context, Result};
use iroh_gossip::proto::{Command, Config, InEvent, OutEvent, PeerData, State};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{AT_REST, Scenario};
use crate::gossip_state::{self, GossipState};
use crate::lone_gossip::{NEIGHBOUR, TOPIC};
use crate::owed::outlives;
use crate::run::{Dead, Run};

pub const SCENARIO: Scenario = Scenario {
    name: "own-frames",
    about: "A neighbour introduces a gossip node to itself and sends its own walk back, and its application has it join itself",
    event: "all three handled, and nothing sent to itself",
    defects: &["own-id-kills-actor"],
    quick: AT_REST,
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(name_it(run)),
};

/// The number of the node itself.
const ME: u64 = 0;

async fn name_it(run: &mut Run) -> Result<()> {
    let config = Config::default();
    let mut node = State::new(ME, PeerData::default(), config, gossip_state::rng());
    let alone = InEvent::Command(TOPIC, Command::Join(Vec::new()));
    writes_to_itself(&mut node, alone);
    writes_to_itself(&mut node, frame(json!({ "Join": null }))?);
    let myself = json!({ "id": ME, "data": null });
    while run.next().await?.is_some() {
        let introduction = json!({ "ForwardJoin": { "peer": myself, "ttl": 0 } });
        let walk = json!({ "Shuffle": { "origin": ME, "nodes": [], "ttl": 0 } });
        for (what, event) in [
            ("an introduction to itself", frame(introduction)?),
            ("its own walk", frame(walk)?),
            (
                "a command to join itself",
                InEvent::Command(TOPIC, Command::Join(vec![ME])),
            ),
        ] {
            if outlives(|| writes_to_itself(&mut node, event))? {
                return Err(Dead(format!("it writes to itself upon {what}")).into());
            }
        }
    }
    Ok(())
}

/// A frame of the neighbour's about who is in the topic.
fn frame(swarm: Value) -> Result<InEvent<u64>> {
    let frame = json!({ "topic": TOPIC.as_bytes(), "message": { "Swarm": swarm } });
    let frame = serde_json::from_value(frame).context("not a frame")?;
    Ok(InEvent::RecvMessage(NEIGHBOUR, frame))
}

/// Handles an event, and says whether a message to the node itself comes of it.
fn writes_to_itself(node: &mut GossipState, event: InEvent<u64>) -> bool {
    let events = gossip_state::handle(node, event, Instant::now());
    let to_itself = events.filter(|event| matches!(event, OutEvent::SendMessage(ME, _)));
    to_itself.count() > 0
}
