// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which peers are interested in a topic, so that a random sample costs its own size.
//!
//! A topic's peers stand in one `Vec`, in no order. Whoever enters a peer remembers its position;
//! when a peer leaves, the last one takes its place and the caller is told, since the position it
//! remembers has changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rand::seq::index;

use super::peer_table::PeerKey;

/// Topic id to interested peers. A topic nobody is interested in has no entry.
#[derive(Debug, Default)]
pub struct TopicIndex {
    interested: HashMap<[u8; 32], Vec<PeerKey>>,
}

impl TopicIndex {
    /// Enters a peer that is not yet listed under this topic and returns its position.
    pub fn insert(&mut self, topic_id: [u8; 32], peer: PeerKey) -> usize {
        let peers = self.interested.entry(topic_id).or_default();
        push_tightly(peers, peer);
        peers.len() - 1
    }

    /// Takes the peer at this position out, and returns who stands there now, if anybody does.
    pub fn remove(&mut self, topic_id: [u8; 32], position: usize) -> Option<PeerKey> {
        let Entry::Occupied(mut entry) = self.interested.entry(topic_id) else {
            return None;
        };

        let peers = entry.get_mut();
        if position < peers.len() {
            peers.swap_remove(position);
        }

        let moved = peers.get(position).copied();
        if peers.is_empty() {
            entry.remove();
            if self.interested.len() < self.interested.capacity() / 4 {
                self.interested.shrink_to(self.interested.len() * 2);
            }
        } else if peers.len() < peers.capacity() / 4 {
            peers.shrink_to(peers.len() * 2);
        }
        moved
    }

    /// Returns up to `sample_len` different peers, each set of them equally likely.
    pub fn sample(&self, topic_id: [u8; 32], sample_len: usize) -> impl Iterator<Item = &PeerKey> {
        let peers = self
            .interested
            .get(&topic_id)
            .map_or(&[][..], Vec::as_slice);
        index::sample(
            &mut rand::thread_rng(),
            peers.len(),
            sample_len.min(peers.len()),
        )
        .into_iter()
        .map(|position| &peers[position])
    }
}

/// Pushes onto a `Vec` that mostly stays very short: it starts with room for one and doubles.
///
/// The standard growth starts with room for four, which would be most of what a peer costs.
pub fn push_tightly<V>(list: &mut Vec<V>, value: V) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().max(1));
    }
    list.push(value);
}

#[cfg(test)]
mod tests {
    use super::{PeerKey, TopicIndex};

    const TOPIC: [u8; 32] = [1; 32];

    impl TopicIndex {
        pub fn at(&self, topic_id: [u8; 32], position: usize) -> Option<&PeerKey> {
            self.interested.get(&topic_id)?.get(position)
        }

        pub fn entries(&self) -> usize {
            self.interested.values().map(Vec::len).sum()
        }
    }

    #[test]
    fn the_last_peer_takes_the_place_of_the_one_that_leaves() {
        let mut index = TopicIndex::default();
        for peer in 0..3 {
            assert_eq!(index.insert(TOPIC, [peer; 32]), usize::from(peer));
        }

        assert_eq!(index.remove(TOPIC, 0), Some([2; 32]));
        assert_eq!(index.remove(TOPIC, 1), None, "nobody stood behind it");
        assert_eq!(index.sample(TOPIC, 7).collect::<Vec<_>>(), [&[2; 32]]);
    }

    #[test]
    fn a_topic_without_peers_has_no_entry() {
        let mut index = TopicIndex::default();
        index.insert(TOPIC, [7; 32]);
        index.remove(TOPIC, 0);
        index.remove(TOPIC, 0);

        assert!(index.interested.is_empty());
        assert_eq!(index.sample(TOPIC, 7).count(), 0);
    }

    #[test]
    fn a_topic_gives_memory_back_when_its_peers_leave() {
        let mut index = TopicIndex::default();
        for _ in 0..1000 {
            index.insert(TOPIC, [7; 32]);
        }
        for _ in 0..990 {
            index.remove(TOPIC, 0);
        }

        assert!(index.interested[&TOPIC].capacity() <= 40);
    }
}
