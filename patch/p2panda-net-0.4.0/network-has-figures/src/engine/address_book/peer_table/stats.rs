// SPDX-License-Identifier: MIT OR Apache-2.0

//! Figures on the address book.

use serde::Serialize;

use super::super::AddressBook;
use super::{KEPT, Origin, PeerTable};

/// Size and bounds of the address book, and what has left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AddressBookStats {
    /// Known peers: the sum of the following four.
    pub peers: usize,

    /// Peers that have only announced topics.
    pub peers_announced: usize,

    /// Peers found by a discovery service or met as a neighbour.
    pub peers_discovered: usize,

    /// Peers added by the application while the node was running.
    pub peers_added: usize,

    /// Peers the node was built with.
    pub peers_configured: usize,

    /// Bound of `peers`. Only configured peers can take the book beyond it.
    pub peers_max: usize,

    /// Current direct neighbours in all gossip overlays.
    pub neighbours: usize,

    /// Addresses of all peers.
    pub addresses: usize,

    /// Topics of all peers: a topic counts once for each peer interested in it.
    pub topics: usize,

    /// Milliseconds since that peer was last seen which will be the first to expire.
    pub oldest_age_ms: u64,

    /// Peers forgotten since they were not seen for their time to live.
    pub expired: u64,

    /// Times a newcomer was dropped since all known peers were more trusted: once for each topic it
    /// announced and each address it was given with.
    pub refused: u64,

    /// Peers with announcements only that made room for others.
    pub evicted_announced: u64,

    /// Discovered peers that made room for others.
    pub evicted_discovered: u64,

    /// Added peers that made room for others.
    pub evicted_added: u64,

    /// Addresses that made room for a newer one of the same peer.
    pub evicted_addresses: u64,

    /// Topics that made room for a newer one of the same peer.
    pub evicted_topics: u64,

    /// Socket addresses dropped since their address had too many.
    pub dropped_sockets: u64,
}

impl AddressBook {
    /// Figures on the book at this moment. Costs a walk through it.
    pub async fn stats(&self) -> AddressBookStats {
        self.table().await.stats()
    }
}

impl PeerTable {
    fn stats(&self) -> AddressBookStats {
        let [evicted_announced, evicted_discovered, evicted_added] = self.losses.evicted;
        let mut stats = AddressBookStats {
            peers: self.len(),
            peers_max: self.limits.max_peers,
            neighbours: self.neighbours.len(),
            oldest_age_ms: self.oldest_age_ms(),
            expired: self.losses.expired,
            refused: self.losses.refused,
            evicted_announced,
            evicted_discovered,
            evicted_added,
            evicted_addresses: self.losses.addresses,
            evicted_topics: self.losses.topics,
            dropped_sockets: self.losses.sockets,
            ..AddressBookStats::default()
        };

        for (_, peer) in self.lists.iter().flatten() {
            let count = match peer.origin {
                Origin::Announced => &mut stats.peers_announced,
                Origin::Discovered => &mut stats.peers_discovered,
                Origin::Added => &mut stats.peers_added,
                Origin::Configured => &mut stats.peers_configured,
            };
            *count += 1;
            stats.addresses += peer.addresses.len();
            stats.topics += peer.topics.len();
        }
        stats
    }

    fn oldest_age_ms(&self) -> u64 {
        let oldest = self.lists[..KEPT].iter().filter_map(|list| list.peek_lru());
        let age = oldest
            .map(|(_, peer)| self.now.saturating_duration_since(peer.last_seen))
            .max();
        age.unwrap_or_default()
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use p2panda_core::PrivateKey;

    use crate::NodeAddress;
    use crate::engine::address_book::peer_table::PeerLimits;

    use super::{AddressBookStats, Origin, PeerTable};

    fn add(table: &mut PeerTable, origin: Origin) {
        let mut address = NodeAddress::from_public_key(PrivateKey::new().public_key());
        for port in 1..=3 {
            address
                .direct_addresses
                .push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            table.add_address(address.clone(), origin, [1; 32]);
        }
    }

    #[test]
    fn every_peer_and_every_loss_is_counted_once() {
        let mut table = PeerTable::new(PeerLimits {
            max_peers: 4,
            addresses_per_peer: 2,
            sockets_per_address: 2,
            ..PeerLimits::default()
        });
        table.add_topic([7; 32], [2; 32]);
        table.neighbour_up([2; 32], [7; 32]);
        add(&mut table, Origin::Configured);
        table.advance_to(table.now + Duration::from_millis(1500));
        add(&mut table, Origin::Discovered);
        add(&mut table, Origin::Discovered);
        table.add_topic([8; 32], [2; 32]);
        add(&mut table, Origin::Added);
        table.advance_to(table.now + Duration::from_millis(250));

        let expected = AddressBookStats {
            peers: 4,
            peers_discovered: 2,
            peers_added: 1,
            peers_configured: 1,
            peers_max: 4,
            neighbours: 1,
            addresses: 6,
            topics: 4,
            oldest_age_ms: 250,
            refused: 1,
            evicted_discovered: 1,
            dropped_sockets: 4,
            ..AddressBookStats::default()
        };
        assert_eq!(table.stats(), expected);
    }
}
