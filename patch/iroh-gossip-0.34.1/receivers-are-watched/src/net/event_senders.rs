//! The receivers of a topic's events.

use std::collections::HashMap;

use iroh::NodeId;
use tokio::sync::mpsc;

use super::{Error, Event, GossipEvent, ReceiverId};

/// Sends the events of a topic to its receivers, and waits for none of them.
#[derive(Debug, Default)]
pub(super) struct EventSenders(HashMap<ReceiverId, EventSender>);

#[derive(Debug)]
struct EventSender {
    tx: mpsc::Sender<Result<Event, Error>>,
    /// Whether [`GossipEvent::Joined`] was sent, which comes first.
    joined: bool,
    /// Whether the last thing sent was [`Event::Lagged`].
    lagged: bool,
}

impl EventSenders {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a receiver, which has joined if there are neighbors.
    pub fn push(
        &mut self,
        id: ReceiverId,
        tx: mpsc::Sender<Result<Event, Error>>,
        neighbors: impl IntoIterator<Item = NodeId>,
    ) {
        let neighbors: Vec<_> = neighbors.into_iter().collect();
        let joined = !neighbors.is_empty();
        if joined {
            let event = Event::Gossip(GossipEvent::Joined(neighbors));
            tx.try_send(Ok(event)).ok();
        }
        let sender = EventSender {
            tx,
            joined,
            lagged: false,
        };
        self.0.insert(id, sender);
    }

    /// Sends an event to all receivers, and forgets those that were dropped.
    pub fn send(&mut self, event: &GossipEvent) {
        self.0.retain(|_, sender| {
            let event = match event {
                GossipEvent::NeighborUp(peer) if !sender.joined => {
                    sender.joined = true;
                    GossipEvent::Joined(vec![*peer])
                }
                event => event.clone(),
            };
            sender.send(event);
            !sender.tx.is_closed()
        });
    }

    pub fn remove(&mut self, id: &ReceiverId) {
        self.0.remove(id);
    }
}

impl EventSender {
    /// Sends an event, or [`Event::Lagged`] in the last place there is.
    fn send(&mut self, event: GossipEvent) {
        let lags = self.tx.capacity() <= 1;
        if lags && self.lagged {
            return;
        }
        self.lagged = lags;
        let event = if lags {
            Event::Lagged
        } else {
            Event::Gossip(event)
        };
        self.tx.try_send(Ok(event)).ok();
    }
}
