//! Announcements of gossip that do not fit into a frame, or whose answer gets lost.

use std::time::Duration;

use anyhow::{Context, Result};
use iroh_gossip::proto::topic::DEFAULT_MAX_MESSAGE_SIZE;
use iroh_gossip::proto::{Command, InEvent, Message, Scope};
use serde_json::json;

use super::{AT_REST, Quick, Scenario};
use crate::gossip_state::id_of;
use crate::lone_gossip::{NEIGHBOUR, Node, TOPIC, announcement, message};
use crate::run::{Dead, Run};

pub const MANY_ANNOUNCEMENTS: Scenario = Scenario {
    name: "many-announcements",
    about: "A node says 150 things at once, with a neighbour that is only told of them",
    event: "150 messages announced in frames that can be sent",
    defects: &["oversize-announcements", "message-ids-never-expire"],
    // Warm: the ids of the first are forgotten, 90 s after they were seen.
    quick: Quick {
        warmup_events: 160,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(announce_many(run)),
};

pub const LOST_ANSWERS: Scenario = Scenario {
    name: "lost-answers",
    about: "A neighbour announces a message, is asked for it, and the answer is lost; it would answer again",
    event: "message announced, and received in the end",
    defects: &["lost-answers", "message-ids-never-expire"],
    quick: Quick {
        warmup_events: 160,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(lose_answers(run)),
};

async fn announce_many(run: &mut Run) -> Result<()> {
    let mut node = Node::new()?;
    node.receive(NEIGHBOUR, json!({ "Gossip": "Prune" }))?;
    while run.next().await?.is_some() {
        for _ in 0..150 {
            let said = run.random::<32>().to_vec();
            let say = Command::Broadcast(said.into(), Scope::Swarm);
            node.handle(InEvent::Command(TOPIC, say));
        }
        for frame in node.pass(Duration::from_secs(1)) {
            let bytes = frame.size().context("its size is not known")?;
            if bytes > DEFAULT_MAX_MESSAGE_SIZE {
                let what = format!("an announcement takes {bytes} bytes: no frame can hold it");
                return Err(Dead(what).into());
            }
        }
    }
    Ok(())
}

async fn lose_answers(run: &mut Run) -> Result<()> {
    /// As long as who announced a message keeps it.
    const SECONDS: u32 = 30;
    let mut node = Node::new()?;
    while run.next().await?.is_some() {
        let said = run.random::<32>();
        node.receive(NEIGHBOUR, announcement([id_of(&said)]))?;
        let mut asked = 0;
        for _ in 0..SECONDS {
            let sent = node.pass(Duration::from_secs(1));
            asked += sent.iter().filter(|frame| asks(frame)).count();
        }
        if asked < 2 {
            return Err(
                Dead("a message whose answer was lost is not asked for again".into()).into(),
            );
        }
        node.receive(NEIGHBOUR, message(&said))?;
        if node.heard.as_deref() != Some(&said[..]) {
            return Err(Dead("the answer to the second question is not taken".into()).into());
        }
    }
    Ok(())
}

fn asks(message: &Message<u64>) -> bool {
    serde_json::to_value(message).is_ok_and(|frame| frame["message"]["Gossip"]["Graft"].is_object())
}
