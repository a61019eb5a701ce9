// SPDX-License-Identifier: MIT OR Apache-2.0

//! The gossip overlays this node takes part in: one subscription a topic, however often a join is
//! attempted.
//!
//! iroh-gossip leaves a topic when both halves of its last subscription were dropped. They are held
//! here and nowhere else, and nothing that could come back later is under way outside: what was left
//! has no more events.
//!
//! Nothing here waits for the engine. The gossip actor waits for iroh-gossip where it sends a
//! command; iroh-gossip never waits for its subscribers.

use std::collections::HashMap;

use anyhow::Result;
use iroh::NodeId;
use iroh_gossip::net::{Error as GossipError, Event, Gossip, GossipReceiver, GossipSender};
use tokio_stream::{StreamExt, StreamMap};

use super::asked::Asked;

/// The overlays of a node, by topic id.
#[derive(Debug)]
pub struct Overlays {
    gossip: Gossip,
    events: StreamMap<[u8; 32], GossipReceiver>,
    overlays: HashMap<[u8; 32], Overlay>,
}

/// An overlay that we are in, or want to be in.
#[derive(Debug)]
struct Overlay {
    sender: GossipSender,
    stage: Stage,
    asked: Asked,
}

/// How far a join is. The engine hears of a join once an attempt, and only after one: while it has
/// not attempted anything since a reset, it would not listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No attempt since the subscription was made, or since a reset.
    Idle,

    /// Attempted: the first neighbour makes it a join.
    Wanted,

    /// The engine knows that we are in.
    Joined,
}

impl Overlays {
    pub fn new(gossip: Gossip) -> Self {
        Self {
            gossip,
            events: StreamMap::new(),
            overlays: HashMap::new(),
        }
    }

    /// Attempts to join an overlay through peers, which may be none: then somebody has to come.
    ///
    /// The first attempt subscribes; each asks those peers who were not asked lately and are no
    /// neighbours. Returns whether we are in as of now, as in the first attempt after a reset.
    pub async fn join(&mut self, topic_id: [u8; 32], mut peers: Vec<NodeId>) -> Result<bool> {
        if !self.overlays.contains_key(&topic_id) {
            self.subscribe(topic_id)?;
        }
        let neighbours = self.neighbours(&topic_id);
        let Some(overlay) = self.overlays.get_mut(&topic_id) else {
            return Ok(false);
        };

        // Who was a neighbour before a reset may be out of reach since.
        if overlay.stage != Stage::Idle {
            peers.retain(|peer| !neighbours.contains(peer));
        }
        let peers = overlay.asked.ask(peers);
        if !peers.is_empty() {
            overlay.sender.join_peers(peers).await?;
        }

        if overlay.stage == Stage::Idle {
            overlay.stage = Stage::Wanted;
        }
        Ok(!neighbours.is_empty() && self.on_neighbour(&topic_id))
    }

    /// Takes note that somebody is our neighbour. Returns whether that completes a join.
    pub fn on_neighbour(&mut self, topic_id: &[u8; 32]) -> bool {
        match self.overlays.get_mut(topic_id) {
            Some(overlay) if overlay.stage == Stage::Wanted => {
                overlay.stage = Stage::Joined;
                true
            }
            _ => false,
        }
    }

    /// Takes note that a neighbour has gone: it may be asked again.
    pub fn on_neighbour_gone(&mut self, topic_id: &[u8; 32], peer: &NodeId) {
        if let Some(overlay) = self.overlays.get_mut(topic_id) {
            overlay.asked.forget(peer);
        }
    }

    pub fn has_joined(&self, topic_id: &[u8; 32]) -> bool {
        let overlay = self.overlays.get(topic_id);
        overlay.is_some_and(|overlay| overlay.stage == Stage::Joined)
    }

    /// Our current direct neighbours in an overlay.
    pub fn neighbours(&self, topic_id: &[u8; 32]) -> Vec<NodeId> {
        let receiver = self.events.iter().find(|(id, _)| id == topic_id);
        receiver.map_or(vec![], |(_, receiver)| receiver.neighbors().collect())
    }

    /// What to broadcast on a topic with, if we are subscribed.
    pub fn sender(&self, topic_id: &[u8; 32]) -> Option<&GossipSender> {
        self.overlays.get(topic_id).map(|overlay| &overlay.sender)
    }

    /// The next event of any overlay. Without overlays there is none, and it is not waited for.
    pub async fn next(&mut self) -> Option<([u8; 32], Result<Event, GossipError>)> {
        self.events.next().await
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Leaves an overlay, whether joined or not; drops both halves of its subscription.
    pub fn leave(&mut self, topic_id: &[u8; 32]) {
        self.events.remove(topic_id);
        self.overlays.remove(topic_id);
    }

    /// Lets every overlay be joined anew, for connections may have been lost; stays in all of them.
    pub fn reset(&mut self) {
        for overlay in self.overlays.values_mut() {
            overlay.stage = Stage::Idle;
            overlay.asked = Asked::default();
        }
    }

    /// Leaves all overlays.
    pub fn clear(&mut self) {
        self.events.clear();
        self.overlays.clear();
    }

    fn subscribe(&mut self, topic_id: [u8; 32]) -> Result<()> {
        let (sender, receiver) = self.gossip.subscribe(topic_id.into(), vec![])?.split();
        let overlay = Overlay {
            sender,
            stage: Stage::Idle,
            asked: Asked::default(),
        };
        self.events.insert(topic_id, receiver);
        self.overlays.insert(topic_id, overlay);
        Ok(())
    }
}
