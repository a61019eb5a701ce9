// SPDX-License-Identifier: MIT OR Apache-2.0

//! Removing peers from the address book, and telling who keeps state about them elsewhere.
//!
//! That is the sync actor. It may be busy for as long as a dial takes, so nothing is sent to it: a
//! signal wakes it, then it asks which of its peers have left. Nobody waits for it, and however
//! many peers leave meanwhile, what is kept for it has a bound.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use p2panda_core::PublicKey;
use tokio::sync::Notify;

use super::AddressBook;
use super::peer_table::PeerKey;

/// How many removed peers are remembered for the follower until it asks: 32 bytes each.
///
/// Beyond it a removed peer still counts as departed, unless it came back to the book meanwhile.
const REMOVED_MAX: usize = 4096;

/// What the follower of an address book has not yet heard of.
#[derive(Debug, Default)]
pub struct Departures {
    left: Notify,

    /// Peers removed by request, who may have come back since. Unset as long as nobody follows.
    removed: OnceLock<Mutex<HashSet<PeerKey>>>,
}

/// Peers who have left the address book. Nobody is in both.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Departed {
    /// Removed by request since this was last asked, even if they came back.
    pub removed: HashSet<PublicKey>,

    /// Not in the book: expired, made room, removed before, or never found a place.
    pub absent: HashSet<PublicKey>,
}

impl Departures {
    fn remember(&self, key: PeerKey) {
        if let Some(removed) = self.removed.get() {
            let mut removed = removed.lock().unwrap_or_else(PoisonError::into_inner);
            if removed.len() < REMOVED_MAX {
                removed.insert(key);
            }
        }
    }

    fn take_removed(&self) -> HashSet<PeerKey> {
        let Some(removed) = self.removed.get() else {
            return HashSet::new();
        };
        std::mem::take(&mut *removed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes the follower, now or when it next waits.
    pub fn signal(&self) {
        self.left.notify_one();
    }
}

impl AddressBook {
    /// Forgets these peers at once, their addresses and topics; returns how many were known.
    ///
    /// A neighbour of ours stays one; if it is entered again, it is known to be.
    pub async fn remove_peers(&mut self, public_keys: &[PublicKey]) -> usize {
        let mut known = 0;
        let mut table = self.table().await;
        for public_key in public_keys {
            known += usize::from(table.remove(public_key.as_bytes()));
            self.departures.remember(*public_key.as_bytes());
        }
        drop(table);
        self.departures.signal();
        known
    }

    /// Number of peers in the book, whether or not an address is known of them.
    pub async fn peer_count(&self) -> usize {
        self.table().await.len()
    }

    /// Starts remembering removed peers for the one follower of this book.
    pub fn follow_departures(&self) {
        self.departures.removed.get_or_init(Mutex::default);
    }

    /// Waits until peers may have left the book. Cancel safe: a signal is kept until it was heard.
    pub async fn departures(&self) {
        self.departures.left.notified().await;
    }

    /// Which of these peers have left, since this was last asked or before.
    pub async fn departed(&self, peers: impl Iterator<Item = PublicKey>) -> Departed {
        let table = self.table().await;
        let removed = self.departures.take_removed();
        let mut departed = Departed::default();
        for peer in peers {
            if removed.contains(peer.as_bytes()) {
                departed.removed.insert(peer);
            } else if !table.contains(peer.as_bytes()) {
                departed.absent.insert(peer);
            }
        }
        departed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use p2panda_core::{PrivateKey, PublicKey};
    use tokio::time::{Duration, advance};

    use super::{AddressBook, Departed, REMOVED_MAX};

    const NETWORK: [u8; 32] = [1; 32];
    const CHAT: [u8; 32] = [2; 32];

    fn any_key() -> PublicKey {
        PrivateKey::new().public_key()
    }

    async fn followed() -> AddressBook {
        let book = AddressBook::new(NETWORK);
        book.follow_departures();
        book
    }

    #[tokio::test]
    async fn a_removed_peer_leaves_nothing_and_may_be_removed_again() {
        let mut book = AddressBook::new(NETWORK);
        let (peer, other) = (any_key(), any_key());
        book.add_topic_id(peer, CHAT).await;
        book.add_topic_id(other, CHAT).await;

        assert_eq!(book.remove_peers(&[peer]).await, 1);
        assert_eq!(book.remove_peers(&[peer]).await, 0);
        assert_eq!(book.random_set(CHAT, 7).await, [other]);
        assert_eq!(book.remove_peers(&[peer, other, other]).await, 1);
        assert_eq!(book.peer_count().await, 0);
    }

    #[tokio::test]
    async fn a_removed_neighbour_that_comes_back_is_known_to_be_one() {
        let mut book = AddressBook::new(NETWORK);
        let peer = any_key();
        book.neighbour_up(CHAT, peer).await;
        book.remove_peers(&[peer]).await;
        book.add_topic_id(peer, CHAT).await;

        for _ in 0..1100 {
            book.add_topic_id(any_key(), NETWORK).await;
        }
        assert_eq!(book.random_set(CHAT, 7).await, [peer]);
    }

    #[tokio::test]
    async fn a_peer_that_came_back_still_counts_as_departed_once() {
        let mut book = followed().await;
        let (back, stayed) = (any_key(), any_key());
        book.add_topic_id(back, CHAT).await;
        book.add_topic_id(stayed, CHAT).await;
        book.remove_peers(&[back]).await;
        book.add_topic_id(back, CHAT).await;

        book.departures().await;
        let peers = [back, stayed];
        let departed = book.departed(peers.into_iter()).await;
        assert_eq!(departed.removed, HashSet::from([back]));
        assert_eq!(departed.absent, HashSet::new());
        assert_eq!(book.departed(peers.into_iter()).await, Departed::default());
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_peer_has_departed() {
        let mut book = followed().await;
        let peer = any_key();
        book.add_topic_id(peer, CHAT).await;
        assert_eq!(book.departed([peer].into_iter()).await, Departed::default());

        advance(Duration::from_secs(60 * 60)).await;
        assert_eq!(book.cleanup_stale_peers().await, 1);
        book.departures().await;
        let departed = book.departed([peer].into_iter()).await;
        assert_eq!(departed.absent, HashSet::from([peer]));
    }

    #[tokio::test]
    async fn a_follower_that_never_asks_costs_a_bounded_amount() {
        let mut followed = followed().await;
        let mut alone = AddressBook::new(NETWORK);
        let keys: Vec<_> = (0..REMOVED_MAX + 10).map(|_| any_key()).collect();
        followed.remove_peers(&keys).await;
        alone.remove_peers(&keys).await;

        assert_eq!(followed.departures.take_removed().len(), REMOVED_MAX);
        assert!(alone.departures.removed.get().is_none());
    }
}
