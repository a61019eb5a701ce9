//! A node of gossip without a network.
//!
//! The protocol is a state machine. Here it runs by itself, in memory and by a clock of its own, among peers that are numbers.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use anyhow::{Context, Result};
use iroh_gossip::proto::{
    Command, Config, Event, InEvent, Message, OutEvent, PeerData, State, Timer, TopicId,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::gossip_state::{self, GossipState, id_of};

/// The number of the neighbour.
pub const NEIGHBOUR: u64 = 1;

pub const TOPIC: TopicId = TopicId::from_bytes([7; 32]);

/// A node in a topic with one neighbour, its timers, and what it has sent.
pub struct Node {
    state: GossipState,
    now: Instant,
    timers: BTreeMap<(Instant, u64), Timer<u64>>,
    timers_set: u64,
    sent: Vec<Message<u64>>,
    /// The last message that its application was given.
    pub heard: Option<Vec<u8>>,
}

impl Node {
    pub fn new() -> Result<Self> {
        let mut node = Self {
            state: small_state(),
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
    pub fn with_neighbours() -> Result<Self> {
        let mut node = Self::new()?;
        for other in 2..5 {
            node.receive(other, json!({ "Swarm": { "Join": null } }))?;
        }
        Ok(node)
    }

    /// The numbers that frames have which were sent since it was asked last.
    pub fn told(&mut self, number: impl Fn(&Value) -> Option<u64>) -> Result<Vec<u64>> {
        let mut told = Vec::new();
        for frame in mem::take(&mut self.sent) {
            told.extend(number(&serde_json::to_value(frame)?["message"]));
        }
        Ok(told)
    }

    pub fn receive(&mut self, from: u64, message: Value) -> Result<()> {
        let frame = json!({ "topic": TOPIC.as_bytes(), "message": message });
        let frame = serde_json::from_value(frame).context("not a frame")?;
        self.handle(InEvent::RecvMessage(from, frame));
        Ok(())
    }

    pub fn handle(&mut self, event: InEvent<u64>) {
        for event in gossip_state::handle(&mut self.state, event, self.now) {
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
    pub fn pass(&mut self, time: Duration) -> Vec<Message<u64>> {
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

/// Peer 0, whose topics keep so little that a short run fills them, where that can be set.
fn small_state() -> GossipState {
    let config = Config::default();
    let state = State::new(0, PeerData::default(), config, gossip_state::rng());
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
pub fn announcement(ids: impl IntoIterator<Item = [u8; 32]>) -> Value {
    let ids = ids.into_iter().map(|id| json!({ "id": id, "round": 1 }));
    json!({ "Gossip": { "IHave": ids.collect::<Vec<_>>() } })
}

/// The frame that brings a message.
pub fn message(content: &[u8]) -> Value {
    message_after(content, 1)
}

/// The frame that brings a message after so many hops.
pub fn message_after(content: &[u8], hops: u16) -> Value {
    let scope = json!({ "Swarm": hops });
    let message = json!({ "id": id_of(content), "content": content, "scope": scope });
    json!({ "Gossip": { "Gossip": message } })
}

/// What asks for a message.
pub fn graft(id: [u8; 32]) -> Value {
    json!({ "Graft": { "id": id, "round": 1 } })
}
