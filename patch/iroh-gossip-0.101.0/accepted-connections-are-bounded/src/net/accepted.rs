//! The connections that peers opened, and which of them make room for others.
//!
//! Whoever knows the address of a node can connect to it, under any number of keys. Neighbors are let
//! in by the protocol, which bounds them, so that only strangers make room: peers that are neighbors
//! in no topic. An honest one sends what it has to say at once, and then is a neighbor or leaves. So
//! the one that has been there longest goes first.

use std::collections::VecDeque;

use iroh::{endpoint::Connection, EndpointId};
use tracing::debug;

use super::{ConnId, ConnectionLimits};

/// From the oldest to the newest.
#[derive(Debug, Default)]
pub(super) struct Accepted(VecDeque<(EndpointId, Connection)>);

impl Accepted {
    /// Enters a connection, and closes the oldest ones where there are too many.
    pub fn open(
        &mut self,
        peer: EndpointId,
        conn: Connection,
        is_neighbor: impl Fn(&EndpointId) -> bool,
        limits: &ConnectionLimits,
    ) {
        self.0.push_back((peer, conn));
        self.make_room(limits.accepted_per_peer, |other| *other == peer);
        self.make_room(limits.accepted_from_strangers, |other| !is_neighbor(other));
    }

    /// Forgets a connection that was closed.
    pub fn closed(&mut self, id: ConnId) {
        self.0.retain(|(_, conn)| conn.stable_id() != id);
    }

    /// Closes the oldest connection of those that count, if they are too many.
    ///
    /// Only one is entered at a time, so one that goes is enough.
    fn make_room(&mut self, max: usize, counts: impl Fn(&EndpointId) -> bool) {
        // Most of the time there is no need to ask.
        if self.0.len() <= max {
            return;
        }
        let counting = self.0.iter().filter(|(peer, _)| counts(peer));
        if counting.clone().count() <= max {
            return;
        }
        if let Some((peer, conn)) = counting.cloned().next() {
            debug!(peer = %peer.fmt_short(), "too many connections, close the oldest");
            conn.close(0u32.into(), b"too many connections");
            self.closed(conn.stable_id());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        net::{
            common_tests::{Node, Peer},
            ConnectionLimits,
        },
        Gossip,
    };

    const STRANGERS: usize = 8;

    #[tokio::test]
    async fn a_stranger_too_many_closes_the_oldest_one_and_the_neighbor_before_it_stays() {
        let mut limits = ConnectionLimits::default();
        limits.accepted_from_strangers = STRANGERS;
        limits.idle = std::time::Duration::from_secs(60);
        let builder = Gossip::builder().connection_limits(limits);
        let (alice, bob) = (Node::spawn_with(builder).await, Node::spawn().await);
        let alice_topic = alice.join(&[]).await;
        let mut bob_topic = bob.join(&[&alice]).await;

        let (mut strangers, mut links) = (Vec::new(), Vec::new());
        for _ in 0..3 * STRANGERS / 4 {
            let stranger = Peer::bind().await;
            // As many as one peer may open.
            for _ in 0..4 {
                links.push(stranger.connect(&alice).await);
            }
            strangers.push(stranger);
        }

        let left = links.split_off(2 * STRANGERS);
        for link in links {
            link.closed().await;
        }
        assert!(left.iter().all(|link| link.conn.close_reason().is_none()));
        alice_topic.broadcast("still neighbors").await;
        assert_eq!(bob_topic.received().await, "still neighbors");
    }
}
