//! Frames of gossip that no honest peer sends, or that get lost, and commands in haste: how much does a topic keep for them,
//! and is it served?
//!
//! The protocol is a state machine. Here it runs by itself, in memory and by a clock of its own, among peers that are numbers.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use iroh_gossip::proto::topic::DEFAULT_MAX_MESSAGE_SIZE;
use iroh_gossip::proto::{
    Command, Config, Event, InEvent, Message, OutEvent, PeerData, Scope, State, Timer, TopicId,
};
use p2panda_core::Hash;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{AT_REST, Quick, Scenario};
use crate::run::{Dead, Run};
use crate::served::outlives;

pub const INVENTED_MESSAGES: Scenario = Scenario {
    name: "invented-messages",
    about: "A neighbour announces messages that do not exist, twenty a second",
    event: "20 messages announced",
    defects: &["missing-messages-grow"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(announce_what_does_not_exist(run)),
};

pub const PAYLOAD_FLOOD: Scenario = Scenario {
    name: "payload-flood",
    about: "A neighbour sends a topic new messages of 1 KB at 0.4 MB/s, where payloads of 128 KiB may be kept",
    event: "four messages received",
    // The payloads, and the ids that they leave.
    defects: &["payload-cache-by-time-only", "message-ids-never-expire"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(flood(run)),
};

pub const LATE_FRAMES: Scenario = Scenario {
    name: "late-frames",
    about: "Strangers disconnect from a topic, and then a last frame of each is handled: it prunes, or asks for a message",
    event: "ten late frames",
    // The sets that messages and announcements are sent to, and the topics of who is gone.
    defects: &["zombie-eager-peers", "peer-topics-stale"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(come_late(run)),
};

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

pub const MANY_HOPS: Scenario = Scenario {
    name: "many-hops",
    about: "A neighbour sends a message with the highest count of hops that can be written",
    event: "message passed on with the same count",
    defects: &["round-overflows", "message-ids-never-expire"],
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
    defects: &["ttl-unclamped"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(introduce_far_and_wide(run)),
};

pub const INTRODUCED_PEERS: Scenario = Scenario {
    name: "introduced-peers",
    about: "A neighbour introduces peers that exist nowhere, eight at a time, with 100 bytes about each",
    event: "eight peers introduced",
    defects: &["peer-data-grows"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(introduce_nobody(run)),
};

pub const HASTY_REJOIN: Scenario = Scenario {
    name: "hasty-rejoin",
    about: "A node leaves a topic and joins it again, once a second, before the timers of the topic it left have fired",
    event: "topic left, and joined again",
    defects: &["timer-chains"],
    // Warm: as many timers of the topics it left wait as a minute holds, which is what a timer takes at most.
    quick: AT_REST,
    budget_bytes_per_event: 16.0,
    run: |run| Box::pin(rejoin_hastily(run)),
};

/// The number of the neighbour.
const NEIGHBOUR: u64 = 1;

const TOPIC: TopicId = TopicId::from_bytes([7; 32]);

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
        node.receive(NEIGHBOUR, announcement([*Hash::new(said).as_bytes()]))?;
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

/// A node in a topic with one neighbour, its timers, and what it has sent.
struct Node {
    state: State<u64, StdRng>,
    now: Instant,
    timers: BTreeMap<(Instant, u64), Timer<u64>>,
    timers_set: u64,
    sent: Vec<Message<u64>>,
    /// The last message that its application was given.
    heard: Option<Vec<u8>>,
}

impl Node {
    fn new() -> Result<Self> {
        let rng = StdRng::seed_from_u64(0);
        let state = State::new(0, PeerData::default(), Config::default(), rng);
        let mut node = Self {
            state: with_small_limits(state),
            now: Instant::now(),
            timers: BTreeMap::new(),
            timers_set: 0,
            sent: Vec::new(),
            heard: None,
        };
        node.handle(InEvent::Command(TOPIC, Command::Join(Vec::new())));
        node.receive(NEIGHBOUR, json!({ "Swarm": { "Join": null } }))?;
        Ok(node)
    }

    /// One with further neighbours, to whom it passes things on.
    fn with_neighbours() -> Result<Self> {
        let mut node = Self::new()?;
        for other in 2..5 {
            node.receive(other, json!({ "Swarm": { "Join": null } }))?;
        }
        Ok(node)
    }

    /// The numbers that frames have which were sent since it was asked last.
    fn told(&mut self, number: impl Fn(&Value) -> Option<u64>) -> Result<Vec<u64>> {
        let mut told = Vec::new();
        for frame in mem::take(&mut self.sent) {
            told.extend(number(&serde_json::to_value(frame)?["message"]));
        }
        Ok(told)
    }

    fn receive(&mut self, from: u64, message: Value) -> Result<()> {
        let frame = json!({ "topic": TOPIC.as_bytes(), "message": message });
        let frame = serde_json::from_value(frame).context("not a frame")?;
        self.handle(InEvent::RecvMessage(from, frame));
        Ok(())
    }

    fn handle(&mut self, event: InEvent<u64>) {
        for event in self.state.handle(event, self.now) {
            match event {
                OutEvent::SendMessage(_, message) => self.sent.push(message),
                OutEvent::ScheduleTimer(delay, timer) => {
                    self.timers_set += 1;
                    let at = (self.now + delay, self.timers_set);
                    self.timers.insert(at, timer);
                }
                OutEvent::EmitEvent(_, Event::Received(message)) => {
                    self.heard = Some(message.content.to_vec());
                }
                OutEvent::EmitEvent(..) | OutEvent::DisconnectPeer(_) | OutEvent::PeerData(..) => {}
            }
        }
    }

    /// Lets time pass, and the timers that are due fire. Returns what was sent since it did so last.
    fn pass(&mut self, time: Duration) -> Vec<Message<u64>> {
        let until = self.now + time;
        while let Some(next) = self.timers.first_entry()
            && next.key().0 <= until
        {
            self.now = next.key().0;
            let timer = next.remove();
            self.handle(InEvent::TimerExpired(timer));
        }
        self.now = until;
        mem::take(&mut self.sent)
    }
}

/// Lets a topic keep so little that a short run fills it, where that can be set.
fn with_small_limits(state: State<u64, StdRng>) -> State<u64, StdRng> {
    #[cfg(feature = "fork")]
    let state = {
        let mut limits = iroh_gossip::GossipLimits::default();
        limits.payload_bytes_per_topic = 128 * 1024;
        limits.message_ids_per_topic = 256;
        state.with_limits(limits)
    };
    state
}

/// The frame that says which messages a peer has.
fn announcement(ids: impl IntoIterator<Item = [u8; 32]>) -> Value {
    let ids = ids.into_iter().map(|id| json!({ "id": id, "round": 1 }));
    json!({ "Gossip": { "IHave": ids.collect::<Vec<_>>() } })
}

/// The frame that brings a message.
fn message(content: &[u8]) -> Value {
    message_after(content, 1)
}

/// The frame that brings a message after so many hops.
fn message_after(content: &[u8], hops: u16) -> Value {
    let id = Hash::new(content);
    let scope = json!({ "Swarm": hops });
    let message = json!({ "id": id.as_bytes(), "content": content, "scope": scope });
    json!({ "Gossip": { "Gossip": message } })
}

/// What asks for a message.
fn graft(id: [u8; 32]) -> Value {
    json!({ "Graft": { "id": id, "round": 1 } })
}

fn asks(message: &Message<u64>) -> bool {
    serde_json::to_value(message).is_ok_and(|frame| frame["message"]["Gossip"]["Graft"].is_object())
}
