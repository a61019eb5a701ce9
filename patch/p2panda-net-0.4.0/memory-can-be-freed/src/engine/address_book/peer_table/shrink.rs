// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeping fewer peers, under memory pressure.

use std::collections::hash_map::RandomState;

use lru::LruCache;

use super::super::AddressBook;
use super::{Origin, PeerTable};

/// Lists of peers that nobody has named: each may be empty while others know the way.
const STRANGERS: [Origin; 2] = [Origin::Announced, Origin::Discovered];

impl AddressBook {
    /// Forgets the peers that can be done without, and returns their number. Who follows the book is
    /// told.
    ///
    /// That is all but our neighbours and those the application named: the others announce
    /// themselves or are found again. None while there is no neighbour, as they are the way back.
    pub async fn shrink(&mut self) -> usize {
        let before = self.inner.read().await.len();
        let mut table = self.table().await;
        table.shrink();
        let forgotten = before - table.len();
        drop(table);
        self.signal_departures();
        forgotten
    }
}

impl PeerTable {
    fn shrink(&mut self) {
        if !self.neighbours.is_empty() {
            for list in STRANGERS {
                while let Some((_, peer)) = self.lists[list as usize].pop_lru() {
                    self.unlist_topics(&peer);
                }
            }
        }
        for list in &mut self.lists {
            // Such a list can not give back room: it is made anew, in its order.
            let mut fitting = LruCache::unbounded_with_hasher(RandomState::new());
            while let Some((key, peer)) = list.pop_lru() {
                fitting.put(key, peer);
            }
            *list = fitting;
        }
        self.topics.shrink_to_fit();
        self.neighbours.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use p2panda_core::PrivateKey;

    use crate::NodeAddress;
    use crate::engine::address_book::{AddressBook, Origin};

    const NETWORK: [u8; 32] = [1; 32];
    const CHAT: [u8; 32] = [2; 32];

    #[tokio::test]
    async fn neighbours_and_those_the_application_named_stay() {
        let mut book = AddressBook::new(NETWORK);
        for _ in 0..100 {
            book.add_topic_id(PrivateKey::new().public_key(), CHAT)
                .await;
        }
        let [added, configured, neighbour] = [(); 3].map(|()| PrivateKey::new().public_key());
        for (peer, origin) in [(added, Origin::Added), (configured, Origin::Configured)] {
            let address = NodeAddress::from_public_key(peer);
            book.add_peer_from(address, origin).await;
        }
        // Alone, a node needs everybody.
        assert_eq!(book.shrink().await, 0);
        assert_eq!(book.peer_count().await, 102);

        book.neighbour_up(CHAT, neighbour).await;
        assert_eq!(book.shrink().await, 100);
        assert_eq!(book.shrink().await, 0);
        assert_eq!(book.peer_count().await, 3);
        let stats = book.stats().await;
        assert_eq!((stats.peers_added, stats.peers_configured), (1, 1));
        assert_eq!((stats.neighbours, stats.topics), (1, 2));
        assert_eq!(book.random_set(NETWORK, 7).await.len(), 2);
    }
}
