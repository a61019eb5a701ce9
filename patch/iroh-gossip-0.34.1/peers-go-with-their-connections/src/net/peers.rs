//! Which peers are connected, and on which of their connections messages are sent.
//!
//! A peer has an entry as long as it has a connection. There may be several: two nodes can dial each
//! other at the same time, and a peer that was restarted comes back before its last connection timed
//! out. Messages go to the newest on which the peer still expects some. The others are kept, since
//! the peer may have chosen another one: it finishes what it does not use, and the connection ends.

use std::collections::HashMap;

use iroh::NodeId;
use tokio::sync::mpsc;
use tracing::debug;

use super::{send_queue::SendQueues, ConnId, ProtoMessage};

#[derive(Debug, Default)]
pub(super) struct Peers(HashMap<NodeId, Peer>);

#[derive(Debug, Default)]
struct Peer {
    /// From the oldest to the newest.
    conns: Vec<Conn>,
    /// The protocol asked to disconnect, so that it need not be told.
    released: bool,
}

#[derive(Debug)]
struct Conn {
    id: ConnId,
    /// `None` once we finish our half of the connection.
    queue: Option<mpsc::Sender<ProtoMessage>>,
}

impl Peers {
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn contains(&self, peer: &NodeId) -> bool {
        self.0.contains_key(peer)
    }

    pub fn connected(&mut self, peer: NodeId, id: ConnId, queue: mpsc::Sender<ProtoMessage>) {
        let peer = self.0.entry(peer).or_default();
        let queue = Some(queue);
        peer.conns.push(Conn { id, queue });
        peer.released = false;
    }

    /// Sends a message, or gives it back if there is no connection to send it on.
    pub fn send(
        &self,
        peer: &NodeId,
        mut message: ProtoMessage,
        queues: &mut SendQueues,
    ) -> Result<(), ProtoMessage> {
        let conns = self.0.get(peer).map_or(&[][..], |peer| &peer.conns);
        for queue in conns.iter().rev().filter_map(|conn| conn.queue.as_ref()) {
            match queues.send(queue, message) {
                Ok(()) => return Ok(()),
                Err(unsent) => message = unsent,
            }
        }
        Err(message)
    }

    /// Finishes our half of all connections to a peer, after what is queued was sent.
    pub fn release(&mut self, peer: &NodeId) {
        if let Some(peer) = self.0.get_mut(peer) {
            peer.released = true;
            for conn in &mut peer.conns {
                conn.queue = None;
            }
        }
    }

    /// Forgets a connection that was closed, and with the last one the peer.
    ///
    /// Returns whether the peer is lost: gone without the protocol having asked for it.
    pub fn closed(&mut self, peer_id: &NodeId, id: ConnId) -> bool {
        let Some(peer) = self.0.get_mut(peer_id) else {
            return false;
        };
        peer.conns.retain(|conn| conn.id != id);
        debug!("{} other connections remain", peer.conns.len());
        let lost = peer.conns.is_empty() && !peer.released;
        if peer.conns.is_empty() {
            self.0.remove(peer_id);
        }
        lost
    }
}
