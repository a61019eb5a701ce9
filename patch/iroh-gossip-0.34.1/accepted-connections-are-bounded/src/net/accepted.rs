//! The connections that peers opened, and which of them make room for others.
//!
//! Whoever knows the address of a node can connect to it, under any number of keys. Neighbors are let
//! in by the protocol, which bounds them, so that only strangers make room: peers that are neighbors
//! in no topic. An honest one sends what it has to say at once, and then is a neighbor or leaves. So
//! the one that has been there longest goes first.

use std::collections::VecDeque;

use iroh::{endpoint::Connection, NodeId};
use tracing::debug;

use super::{ConnId, ConnectionLimits};

/// From the oldest to the newest.
#[derive(Debug, Default)]
pub(super) struct Accepted(VecDeque<(NodeId, Connection)>);

impl Accepted {
    /// Enters a connection, and closes the oldest ones where there are too many.
    pub fn open(
        &mut self,
        peer: NodeId,
        conn: Connection,
        is_neighbor: impl Fn(&NodeId) -> bool,
        limits: &ConnectionLimits,
    ) {
        self.0.push_back((peer, conn));
        self.make_room(limits.accepted_per_peer, |other| *other == peer);
        self.make_room(limits.accepted_from_strangers, |other| !is_neighbor(other));
    }

    /// Closes a connection, if it is still open.
    pub fn close(&mut self, id: ConnId, reason: &'static [u8]) {
        if let Some((peer, conn)) = self.closed(id) {
            debug!(peer = %peer.fmt_short(), reason = %String::from_utf8_lossy(reason), "close connection");
            conn.close(0u32.into(), reason);
        }
    }

    /// Forgets a connection that was closed.
    pub fn closed(&mut self, id: ConnId) -> Option<(NodeId, Connection)> {
        let index = self.0.iter().position(|(_, conn)| conn.stable_id() == id)?;
        self.0.remove(index)
    }

    /// Closes the oldest connection of those that count, if they are too many.
    ///
    /// Only one is entered at a time, so one that goes is enough.
    fn make_room(&mut self, max: usize, counts: impl Fn(&NodeId) -> bool) {
        // Most of the time there is no need to ask.
        if self.0.len() <= max {
            return;
        }
        let mut counting = self.0.iter().filter(|(peer, _)| counts(peer));
        let oldest = counting.next().map(|(_, conn)| conn.stable_id());
        if counting.count() >= max {
            oldest.inspect(|id| self.close(*id, b"too many connections"));
        }
    }
}
