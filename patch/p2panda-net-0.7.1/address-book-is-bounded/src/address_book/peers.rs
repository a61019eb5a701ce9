// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which nodes the address book keeps, and which have to go: those we've not heard of for long, and
//! the least important ones when there are too many.
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::NodeId;

/// Bounds of the address book.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressBookLimits {
    /// Number of nodes in the address book.
    ///
    /// When it is full a new node takes the place of the one we've not heard of for longest, first
    /// of those we never had a connection with, then of those we had, then of those which the
    /// application added. Nodes never take the place of a more important one, so that made-up nodes
    /// can't push others out. Bootstraps and our own node always stay.
    ///
    /// Defaults to 1024.
    pub max_peers: usize,

    /// Time after which a node is forgotten we've not heard of: no connection with it was
    /// established, and no newer addresses of it became known.
    ///
    /// What the application added does not expire, it might not find its way back.
    ///
    /// Defaults to one hour. A node which is still there is announced again by others.
    pub peer_ttl: Duration,

    /// Number of addresses of a node, others than those the application added. More are not taken.
    ///
    /// Defaults to 64, a node has one for every network interface and one for its relay.
    pub max_addresses: usize,
}

impl Default for AddressBookLimits {
    fn default() -> Self {
        Self {
            max_peers: 1024,
            peer_ttl: Duration::from_secs(60 * 60),
            max_addresses: 64,
        }
    }
}

/// Figures of the address book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressBookStats {
    /// Nodes in the address book.
    pub peers: usize,

    /// Nodes forgotten so far as we've not heard of them, see [`AddressBookLimits::peer_ttl`].
    pub expired: u64,

    /// Nodes forgotten so far to make room, see [`AddressBookLimits::max_peers`].
    pub evicted: u64,

    /// Nodes and addresses we did not take so far.
    pub refused: u64,
}

/// How important a node is to us, the least important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Others told us about it.
    Announced,

    /// We had a connection with it.
    Met,

    /// The application added it.
    Added,

    /// The application relies on it.
    Bootstrap,

    /// It is us.
    Own,
}

/// Position of a node, the one to go first is at the front.
type Turn = (Standing, u64);

/// Index over the nodes in the address book.
///
/// Every operation costs a look-up, finding out who has to go costs nothing if nobody has to.
#[derive(Debug, Default)]
pub struct Peers {
    limits: AddressBookLimits,
    turns: HashMap<NodeId, Turn>,
    queue: BTreeMap<Turn, (NodeId, Instant)>,
    next_turn: u64,
    stats: AddressBookStats,
}

impl Peers {
    pub fn set_limits(&mut self, limits: AddressBookLimits) {
        self.limits = limits;
    }

    pub fn stats(&self) -> AddressBookStats {
        AddressBookStats {
            peers: self.turns.len(),
            ..self.stats
        }
    }

    /// Returns `false` if these are too many addresses for a node.
    pub fn takes_addresses(&mut self, addresses: usize) -> bool {
        let takes = addresses <= self.limits.max_addresses;
        if !takes {
            self.stats.refused += 1;
        }
        takes
    }

    pub fn standing(&self, node_id: &NodeId) -> Option<Standing> {
        self.turns.get(node_id).map(|(standing, _)| *standing)
    }

    /// Records that we've heard of a node, which never lowers its standing.
    ///
    /// Returns `false` if the node is new and every other is more important than it. Otherwise
    /// [`next_to_go`](Self::next_to_go) says who has to make room.
    pub fn heard_of(&mut self, node_id: NodeId, standing: Standing) -> bool {
        let known = self.turns.get(&node_id).copied();

        if known.is_none()
            && standing < Standing::Added
            && self.turns.len() >= self.limits.max_peers
            && self.front().is_none_or(|(front, _)| front > standing)
        {
            self.stats.refused += 1;
            return false;
        }

        let standing = match known {
            Some(turn) => {
                self.queue.remove(&turn);
                standing.max(turn.0)
            }
            None => standing,
        };
        let turn = (standing, self.next_turn);
        self.next_turn += 1;
        self.turns.insert(node_id, turn);
        self.queue.insert(turn, (node_id, Instant::now()));
        true
    }

    /// Forgets a node.
    pub fn remove(&mut self, node_id: &NodeId) {
        if let Some(turn) = self.turns.remove(node_id) {
            self.queue.remove(&turn);
        }
    }

    /// Forgets and returns a node which has to go, if there is one.
    pub fn next_to_go(&mut self) -> Option<NodeId> {
        if let Some(node_id) = self.next_expired() {
            self.stats.expired += 1;
            self.remove(&node_id);
            return Some(node_id);
        }

        let (standing, node_id) = self.front()?;
        if self.turns.len() > self.limits.max_peers && standing <= Standing::Added {
            self.stats.evicted += 1;
            self.remove(&node_id);
            return Some(node_id);
        }

        None
    }

    /// Returns the first of all nodes.
    fn front(&self) -> Option<(Standing, NodeId)> {
        let ((standing, _), (node_id, _)) = self.queue.first_key_value()?;
        Some((*standing, *node_id))
    }

    /// Returns the first node of a standing we've not heard of for long.
    fn next_expired(&self) -> Option<NodeId> {
        [Standing::Announced, Standing::Met]
            .into_iter()
            .find_map(|standing| {
                let (_, (node_id, heard_of)) = self
                    .queue
                    .range((standing, 0)..=(standing, u64::MAX))
                    .next()?;
                (heard_of.elapsed() >= self.limits.peer_ttl).then_some(*node_id)
            })
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
