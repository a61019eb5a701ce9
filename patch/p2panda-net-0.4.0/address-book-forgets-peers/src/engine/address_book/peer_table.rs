// SPDX-License-Identifier: MIT OR Apache-2.0

//! The peers an address book remembers: bounded in number, in age, and in what is kept of each.
//!
//! Most of what ends up here was learnt from the network, and key pairs cost nothing: anybody can
//! announce topics under any number of fresh keys. Peers are therefore kept in lists by how we
//! know them, each in the order in which its peers were last seen. Room is made from the least
//! trusted list first, and a newcomer never displaces a peer from a list above its own.
//!
//! This is plain data: it never waits, and once it exists its owner tells it the time.

use std::collections::hash_map::RandomState;
use std::net::SocketAddr;
use std::time::Duration;

use lru::LruCache;
use p2panda_core::PublicKey;
use tokio::time::Instant;

use crate::{NodeAddress, RelayUrl};

use super::neighbours::Neighbours;
use super::topic_index::{TopicIndex, push_tightly};

/// A public key as its 32 bytes: the decompressed point that `PublicKey` carries is six times that.
pub type PeerKey = [u8; 32];

/// How we know a peer, least trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It announced topics. Anybody can, with any number of keys.
    Announced,

    /// A discovery service found it, or it was our neighbour in a gossip overlay.
    Discovered,

    /// The application added it while the network was running.
    Added,

    /// The application named it when it built the network.
    Configured,
}

/// The list of peers that neither make room nor expire: configured ones and current neighbours.
const KEPT: usize = Origin::Configured as usize;

/// Bounds of the address book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Peers in the book. Only configured peers can take it beyond.
    pub max_peers: usize,

    /// How long after it was last seen a peer is forgotten.
    pub peer_ttl: Duration,

    /// Differing addresses kept of a peer.
    pub addresses_per_peer: usize,

    /// Socket addresses kept of each address.
    pub sockets_per_address: usize,

    /// Topics kept of a peer.
    pub topics_per_peer: usize,
}

impl Default for PeerLimits {
    /// Sized so that a full book of ordinary peers (one address, four topics) takes half a megabyte,
    /// and one in which every peer exhausts its bounds with topics of its own 60 MB, both measured.
    fn default() -> Self {
        Self {
            max_peers: 1024,
            peer_ttl: Duration::from_secs(60 * 60),
            addresses_per_peer: 8,
            sockets_per_address: 32,
            topics_per_peer: 256,
        }
    }
}

/// What has left the table other than by request, and what was not let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Peers that made room for another, by their origin (configured ones never do).
    pub evicted: [u64; 3],

    /// Peers not seen for longer than their time to live.
    pub expired: u64,

    /// Newcomers for which there was no room.
    pub refused: u64,

    /// Addresses that made room for a newer one of the same peer.
    pub addresses: u64,

    /// Socket addresses beyond what is kept of an address.
    pub sockets: u64,

    /// Topics that made room for a newer one of the same peer.
    pub topics: u64,
}

/// What is kept of a peer.
#[derive(Debug)]
struct Peer {
    origin: Origin,
    last_seen: Instant,

    /// Oldest first.
    addresses: Vec<Address>,

    /// Least recently mentioned first.
    topics: Vec<Interest>,
}

/// A node address without the public key, which is the entry's own.
#[derive(Debug)]
struct Address {
    sockets: Box<[SocketAddr]>,
    relay_url: Option<RelayUrl>,

    /// Set for what the application named when it built the network: anybody who answers in a local
    /// network can give a peer newer addresses.
    lasting: bool,
}

/// A topic a peer is interested in, and where it stands in the index.
#[derive(Debug)]
struct Interest {
    topic_id: [u8; 32],
    position: usize,

    /// Set for the network-wide overlay, which peers do not announce and do not leave.
    lasting: bool,
}

/// Bounded table of peers, their addresses and topics.
#[derive(Debug)]
pub struct PeerTable {
    limits: PeerLimits,
    now: Instant,

    /// When we last had no neighbour: from then on, peers that the application added can expire.
    alone_until: Instant,

    /// By origin; the last one holds those who are kept. All are ordered by `last_seen`.
    lists: [LruCache<PeerKey, Peer, RandomState>; 4],
    topics: TopicIndex,
    neighbours: Neighbours,
    losses: Losses,
}

impl PeerTable {
    pub fn new(limits: PeerLimits) -> Self {
        Self {
            limits,
            now: Instant::now(),
            alone_until: Instant::now(),
            lists: std::array::from_fn(|_| LruCache::unbounded_with_hasher(RandomState::new())),
            topics: TopicIndex::default(),
            neighbours: Neighbours::default(),
            losses: Losses::default(),
        }
    }

    /// Sets the time and removes the peers that have expired by then. Costs the expired ones.
    pub fn advance_to(&mut self, now: Instant) -> usize {
        self.now = now;
        if self.neighbours.is_empty() {
            self.alone_until = now;
        }
        let mut expired = 0;
        for list in 0..KEPT {
            while let Some((_, peer)) = self.lists[list].peek_lru() {
                // What the application added is the way back for a node that has lost everybody.
                let since = if list == Origin::Added as usize {
                    peer.last_seen.max(self.alone_until)
                } else {
                    peer.last_seen
                };
                if now.saturating_duration_since(since) < self.limits.peer_ttl {
                    break;
                }
                let Some((_, peer)) = self.lists[list].pop_lru() else {
                    break;
                };
                self.unlist_topics(&peer);
                expired += 1;
            }
        }
        self.losses.expired += expired as u64;
        expired
    }

    /// Number of peers in the table.
    pub fn len(&self) -> usize {
        self.lists.iter().map(LruCache::len).sum()
    }

    /// Adds an address of a peer, entering the peer if there is room for it.
    ///
    /// The given overlay joins the peer's topics and is not among those that make room.
    pub fn add_address(&mut self, address: NodeAddress, origin: Origin, overlay: [u8; 32]) {
        let key = *address.public_key.as_bytes();
        if self.see(key, origin) {
            self.add_interest(key, overlay, true);
            self.add_variant(key, address, origin == Origin::Configured);
        }
    }

    /// Adds a topic a peer is interested in, entering the peer if there is room for it.
    pub fn add_topic(&mut self, key: PeerKey, topic_id: [u8; 32]) {
        if self.see(key, Origin::Announced) {
            self.add_interest(key, topic_id, false);
        }
    }

    /// Marks a peer as seen now. Returns false if it is unknown.
    pub fn touch(&mut self, key: &PeerKey) -> bool {
        // An LRU list's `get_mut` also moves the entry to its most recent end.
        let now = self.now;
        match self.lists.iter_mut().find_map(|list| list.get_mut(key)) {
            Some(peer) => {
                peer.last_seen = now;
                true
            }
            None => false,
        }
    }

    /// Enters a new neighbour of ours. Until it is one no more, it neither makes room nor expires.
    pub fn neighbour_up(&mut self, topic_id: [u8; 32], key: PeerKey) {
        if let Some(displaced) = self.neighbours.up(topic_id, key) {
            self.relist(&displaced, Origin::Announced);
        }
        self.see(key, Origin::Discovered);
    }

    /// The peer is no longer our neighbour in this overlay.
    pub fn neighbour_down(&mut self, topic_id: [u8; 32], key: PeerKey) {
        self.neighbours.down(topic_id, &key);
        self.relist(&key, Origin::Announced);
    }

    /// Replaces what is known about our neighbours in an overlay, for example after joining it.
    pub fn set_neighbours(&mut self, topic_id: [u8; 32], keys: impl Iterator<Item = PeerKey>) {
        let mut changed = self.neighbours.clear(topic_id);
        for key in keys {
            changed.extend(self.neighbours.up(topic_id, key));
            changed.push(key);
        }
        for key in changed {
            self.relist(&key, Origin::Announced);
        }
    }

    /// Every known address, one node address for each.
    ///
    /// Unpacking the keys makes this cost about four microseconds a peer.
    pub fn node_addresses(&self) -> Vec<NodeAddress> {
        let mut node_addresses = Vec::new();
        for (key, peer) in self.lists.iter().flat_map(LruCache::iter) {
            if peer.addresses.is_empty() {
                continue;
            }
            if let Ok(public_key) = PublicKey::from_bytes(key) {
                node_addresses.extend(peer.addresses.iter().map(|address| NodeAddress {
                    public_key,
                    direct_addresses: address.sockets.to_vec(),
                    relay_url: address.relay_url.clone(),
                }));
            }
        }
        node_addresses
    }

    /// Random peers with an interest in the topic. Costs the sample, not the table.
    pub fn random_set(&self, topic_id: [u8; 32], sample_len: usize) -> Vec<PublicKey> {
        self.topics
            .sample(topic_id, sample_len)
            .filter_map(|key| PublicKey::from_bytes(key).ok())
            .collect()
    }

    /// Records that a peer was seen now, and how: the most trusted origin it ever had counts.
    ///
    /// Returns false if it is unknown and there is no room for it.
    fn see(&mut self, key: PeerKey, origin: Origin) -> bool {
        if self.relist(&key, origin) {
            return true;
        }
        if !self.make_room(origin) {
            self.losses.refused += 1;
            return false;
        }

        let list = self.list_for(&key, origin);
        let peer = Peer {
            origin,
            last_seen: self.now,
            addresses: Vec::new(),
            topics: Vec::new(),
        };
        self.lists[list].put(key, peer);
        true
    }

    /// Marks a known peer as seen now and moves it to the list it belongs to.
    fn relist(&mut self, key: &PeerKey, origin: Origin) -> bool {
        let Some(from) = self.lists.iter().position(|list| list.contains(key)) else {
            return false;
        };
        let now = self.now;
        let Some(peer) = self.lists[from].get_mut(key) else {
            return false;
        };
        peer.last_seen = now;
        peer.origin = peer.origin.max(origin);

        let origin = peer.origin;
        let to = self.list_for(key, origin);
        if from != to
            && let Some((key, peer)) = self.lists[from].pop_entry(key)
        {
            self.lists[to].put(key, peer);
        }
        true
    }

    fn list_for(&self, key: &PeerKey, origin: Origin) -> usize {
        if self.neighbours.contains(key) {
            KEPT
        } else {
            origin as usize
        }
    }

    /// Makes room for a newcomer of this origin: the longest unseen of the least trusted list goes.
    fn make_room(&mut self, origin: Origin) -> bool {
        if self.len() < self.limits.max_peers {
            return true;
        }
        for list in 0..KEPT.min(origin as usize + 1) {
            if let Some((_, peer)) = self.lists[list].pop_lru() {
                self.unlist_topics(&peer);
                self.losses.evicted[list] += 1;
                return true;
            }
        }
        // What the application named at build time is bounded by its own list.
        origin == Origin::Configured
    }

    fn peer_mut(&mut self, key: &PeerKey) -> Option<&mut Peer> {
        self.lists.iter_mut().find_map(|list| list.peek_mut(key))
    }

    fn add_variant(&mut self, key: PeerKey, address: NodeAddress, lasting: bool) {
        let (most, sockets_most) = (
            self.limits.addresses_per_peer,
            self.limits.sockets_per_address,
        );
        let given = address.direct_addresses.len();
        let sockets = &address.direct_addresses[..given.min(sockets_most)];
        self.losses.sockets += (given - sockets.len()) as u64;

        let Some(peer) = self.peer_mut(&key) else {
            return;
        };
        let known = peer
            .addresses
            .iter()
            .position(|known| *known.sockets == *sockets && known.relay_url == address.relay_url);
        if let Some(known) = known {
            peer.addresses[known].lasting |= lasting;
            peer.addresses[known..].rotate_left(1);
            return;
        }

        let oldest = peer.addresses.iter().position(|it| !it.lasting);
        let former = oldest.filter(|_| peer.addresses.len() >= most);
        if let Some(former) = former {
            peer.addresses.remove(former);
        }
        push_tightly(
            &mut peer.addresses,
            Address {
                sockets: sockets.into(),
                relay_url: address.relay_url,
                lasting,
            },
        );
        self.losses.addresses += u64::from(former.is_some());
    }

    fn add_interest(&mut self, key: PeerKey, topic_id: [u8; 32], lasting: bool) {
        let most = self.limits.topics_per_peer;
        let Some(peer) = self.peer_mut(&key) else {
            return;
        };
        if let Some(known) = peer.topics.iter().position(|it| it.topic_id == topic_id) {
            peer.topics[known].lasting |= lasting;
            peer.topics[known..].rotate_left(1);
            return;
        }

        // With a bound of one, a lasting topic leaves that one to another.
        let oldest = peer.topics.iter().position(|it| !it.lasting);
        if let Some(oldest) = oldest.filter(|_| peer.topics.len() >= most) {
            let former = peer.topics.remove(oldest);
            self.unlist(former.topic_id, former.position);
            self.losses.topics += 1;
        }

        let position = self.topics.insert(topic_id, key);
        if let Some(peer) = self.peer_mut(&key) {
            push_tightly(
                &mut peer.topics,
                Interest {
                    topic_id,
                    position,
                    lasting,
                },
            );
        }
    }

    /// Takes a peer that has left the table out of the index.
    fn unlist_topics(&mut self, peer: &Peer) {
        for interest in &peer.topics {
            self.unlist(interest.topic_id, interest.position);
        }
    }

    /// Takes whoever stands at this position out of the index.
    fn unlist(&mut self, topic_id: [u8; 32], position: usize) {
        if let Some(moved) = self.topics.remove(topic_id, position)
            && let Some(peer) = self.peer_mut(&moved)
            && let Some(interest) = peer.topics.iter_mut().find(|it| it.topic_id == topic_id)
        {
            interest.position = position;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use p2panda_core::{PrivateKey, PublicKey};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use crate::NodeAddress;

    use super::{KEPT, Losses, Origin, PeerKey, PeerLimits, PeerTable};

    const OVERLAY: [u8; 32] = [1; 32];
    const CHAT: [u8; 32] = [2; 32];

    fn table(max_peers: usize) -> PeerTable {
        PeerTable::new(PeerLimits {
            max_peers,
            ..PeerLimits::default()
        })
    }

    fn address(public_key: PublicKey) -> NodeAddress {
        NodeAddress {
            public_key,
            direct_addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 7))],
            relay_url: None,
        }
    }

    fn add(table: &mut PeerTable, origin: Origin) -> PeerKey {
        let public_key = PrivateKey::new().public_key();
        table.add_address(address(public_key), origin, OVERLAY);
        *public_key.as_bytes()
    }

    fn pass(table: &mut PeerTable, time: Duration) -> usize {
        table.advance_to(table.now + time)
    }

    impl PeerTable {
        fn knows(&self, key: &PeerKey) -> bool {
            self.lists.iter().any(|list| list.contains(key))
        }
    }

    #[test]
    fn the_least_trusted_make_room_first_and_the_longest_unseen_of_them() {
        let mut table = table(4);
        let added = add(&mut table, Origin::Added);
        let discovered = add(&mut table, Origin::Discovered);
        let (first, second) = ([8; 32], [9; 32]);
        table.add_topic(first, CHAT);
        table.add_topic(second, CHAT);
        table.touch(&first);

        let newcomers: Vec<_> = (0..3).map(|_| add(&mut table, Origin::Added)).collect();
        for gone in [first, second, discovered] {
            assert!(!table.knows(&gone));
        }
        assert!(table.knows(&added) && newcomers.iter().all(|key| table.knows(key)));
        assert_eq!(table.losses.evicted, [2, 1, 0]);

        add(&mut table, Origin::Added);
        assert!(!table.knows(&added), "the longest unseen of its own kind");
        assert_eq!(table.losses.evicted, [2, 1, 1]);
    }

    #[test]
    fn a_newcomer_never_displaces_a_more_trusted_peer() {
        let mut table = table(3);
        add(&mut table, Origin::Added);
        add(&mut table, Origin::Added);
        add(&mut table, Origin::Added);

        table.add_topic([8; 32], CHAT);
        add(&mut table, Origin::Discovered);
        table.neighbour_up(CHAT, [9; 32]);

        assert_eq!(table.lists[Origin::Added as usize].len(), 3);
        assert_eq!((table.len(), table.losses.refused), (3, 3));
        assert!(table.random_set(CHAT, 7).is_empty());
    }

    #[test]
    fn announcing_makes_an_added_peer_no_less_trusted() {
        let mut table = table(8);
        let peer = add(&mut table, Origin::Added);
        table.add_topic(peer, CHAT);
        assert_eq!(table.lists[Origin::Added as usize].len(), 1);

        table.add_topic([8; 32], CHAT);
        table.neighbour_up(CHAT, [8; 32]);
        table.neighbour_down(CHAT, [8; 32]);
        assert_eq!(table.lists[Origin::Discovered as usize].len(), 1);
    }

    #[test]
    fn current_neighbours_and_configured_peers_neither_make_room_nor_expire() {
        let mut table = table(2);
        let configured = add(&mut table, Origin::Configured);
        let neighbour = [9; 32];
        table.neighbour_up(CHAT, neighbour);

        add(&mut table, Origin::Added);
        assert_eq!(pass(&mut table, Duration::from_secs(7 * 24 * 3600)), 0);
        assert!(table.knows(&configured) && table.knows(&neighbour));
        assert_eq!((table.len(), table.losses.refused), (2, 1));

        // The time to live of a neighbour starts when it is one no more.
        table.neighbour_down(CHAT, neighbour);
        let half = table.limits.peer_ttl / 2;
        assert_eq!(pass(&mut table, half), 0);
        assert_eq!(pass(&mut table, half), 1);
        assert!(table.knows(&configured) && !table.knows(&neighbour));
    }

    #[test]
    fn a_node_that_is_alone_keeps_whom_it_was_told_of_and_their_time_starts_with_company() {
        let mut table = table(8);
        let added = add(&mut table, Origin::Added);
        add(&mut table, Origin::Discovered);
        assert_eq!(pass(&mut table, Duration::from_secs(7 * 24 * 3600)), 1);
        assert!(table.knows(&added));

        table.neighbour_up(CHAT, [9; 32]);
        let half = table.limits.peer_ttl / 2;
        assert_eq!(pass(&mut table, half), 0);
        assert_eq!(pass(&mut table, half), 1);
        assert!(!table.knows(&added));
    }

    #[test]
    fn joining_an_overlay_replaces_the_neighbours_we_had_there() {
        let mut table = table(8);
        let (left, stays) = (
            add(&mut table, Origin::Added),
            add(&mut table, Origin::Added),
        );
        table.neighbour_up(CHAT, left);
        table.neighbour_up(CHAT, stays);

        table.set_neighbours(CHAT, [stays].into_iter());
        assert!(table.lists[KEPT].contains(&stays) && !table.lists[KEPT].contains(&left));
        table.set_neighbours(CHAT, std::iter::empty());
        assert_eq!(table.lists[KEPT].len(), 0);
    }

    #[test]
    fn configured_peers_always_find_a_place() {
        let mut table = table(2);
        for _ in 0..5 {
            add(&mut table, Origin::Configured);
        }
        assert_eq!((table.len(), table.losses), (5, Losses::default()));
    }

    #[test]
    fn newer_addresses_do_not_push_out_a_configured_one() {
        for addresses_per_peer in [1, 8] {
            let mut table = PeerTable::new(PeerLimits {
                addresses_per_peer,
                ..PeerLimits::default()
            });
            let configured = address(PrivateKey::new().public_key());
            table.add_address(configured.clone(), Origin::Configured, OVERLAY);
            table.add_address(configured.clone(), Origin::Discovered, OVERLAY);
            for port in 100..120 {
                let mut newer = configured.clone();
                newer.direct_addresses[0].set_port(port);
                table.add_address(newer, Origin::Discovered, OVERLAY);
            }

            let known = table.node_addresses();
            assert!(known.contains(&configured));
            assert_eq!(known.len(), addresses_per_peer.max(2));
        }
    }

    #[test]
    fn a_peer_of_which_one_topic_is_kept_stays_in_the_network_overlay() {
        let mut table = PeerTable::new(PeerLimits {
            topics_per_peer: 1,
            ..PeerLimits::default()
        });
        let key = PrivateKey::new().public_key();
        for topic in 2..10 {
            table.add_address(address(key), Origin::Discovered, OVERLAY);
            table.add_topic(*key.as_bytes(), [topic; 32]);
            assert_eq!(table.random_set([topic; 32], 7), [key]);
            assert_eq!(table.random_set(OVERLAY, 7), [key]);
        }
        assert_eq!(table.topics.entries(), 2);
    }

    #[test]
    fn a_sample_is_uniform_among_interested_peers_and_holds_nobody_else() {
        let mut table = table(64);
        let interested: HashSet<_> = (0..20).map(|_| PrivateKey::new().public_key()).collect();
        for peer in &interested {
            table.add_topic(*peer.as_bytes(), CHAT);
            add(&mut table, Origin::Added);
        }

        let all = table.random_set(CHAT, 64);
        assert_eq!(all.len(), interested.len(), "nobody twice");
        assert_eq!(all.into_iter().collect::<HashSet<_>>(), interested);

        // Each is expected 700 times; the bounds are more than seven standard deviations away.
        let mut drawn = HashMap::new();
        for _ in 0..2000 {
            for peer in table.topics.sample(CHAT, 7) {
                *drawn.entry(*peer).or_insert(0) += 1;
            }
        }
        assert_eq!(drawn.len(), interested.len());
        assert!(
            drawn.values().all(|times| (540..=860).contains(times)),
            "{drawn:?}"
        );
    }

    /// Random operations on a table with small bounds, checked against what must always hold.
    #[test]
    fn whatever_happens_the_index_matches_the_peers_and_no_bound_is_exceeded() {
        let limits = PeerLimits {
            max_peers: 12,
            peer_ttl: Duration::from_secs(60),
            addresses_per_peer: 3,
            sockets_per_address: 2,
            topics_per_peer: 4,
        };
        for seed in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed);
            let keys: Vec<_> = (0..30)
                .map(|_| PrivateKey::from_bytes(&rng.r#gen()).public_key())
                .collect();
            let mut table = PeerTable::new(limits.clone());
            for _ in 0..1000 {
                let peer = keys[rng.gen_range(0..keys.len())];
                let key = *peer.as_bytes();
                let topic_id = [rng.gen_range(2..10); 32];
                match rng.gen_range(0..8) {
                    0 | 1 => table.add_topic(key, topic_id),
                    2 => table.neighbour_up(topic_id, key),
                    3 => table.neighbour_down(topic_id, key),
                    4 => drop(table.touch(&key)),
                    5 => drop(pass(&mut table, Duration::from_secs(rng.gen_range(0..20)))),
                    6 => table.set_neighbours(topic_id, [key].into_iter()),
                    _ => {
                        let mut address = address(peer);
                        let sockets = rng.gen_range(0..5);
                        address.direct_addresses =
                            vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 7)); sockets];
                        let origin = [Origin::Discovered, Origin::Added][rng.gen_range(0..2)];
                        table.add_address(address, origin, OVERLAY);
                    }
                }
                check(&table, seed);
            }
        }
    }

    fn check(table: &PeerTable, seed: u64) {
        let mut interests = 0;
        for (at, list) in table.lists.iter().enumerate() {
            let mut newer = table.now;
            for (key, peer) in list {
                assert_eq!(at, table.list_for(key, peer.origin), "seed {seed}");
                assert!(peer.last_seen <= newer, "seed {seed}: not in order");
                newer = peer.last_seen;
                assert!(peer.addresses.len() <= 3, "seed {seed}");
                assert!(
                    peer.addresses.iter().all(|it| it.sockets.len() <= 2),
                    "seed {seed}"
                );
                assert!(peer.topics.len() <= 4, "seed {seed}");
                for interest in &peer.topics {
                    let entry = table.topics.at(interest.topic_id, interest.position);
                    assert_eq!(entry, Some(key), "seed {seed}");
                }
                interests += peer.topics.len();
            }
        }
        assert_eq!(table.topics.entries(), interests, "seed {seed}");
        assert!(table.len() <= 12, "seed {seed}");
    }
}
