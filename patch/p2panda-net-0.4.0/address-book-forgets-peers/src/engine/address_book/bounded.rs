// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an address book does beyond remembering: telling peers apart by how we know them, and
//! forgetting those nobody has heard of for a while.
//!
//! A peer was *seen* when it announced topics, was added again, was discovered, became or ceased to
//! be our neighbour, or finished a sync session with us. While it is our neighbour it is in sight.
//!
//! The lock is never held across an await, so nobody waits for anybody here.

use std::time::Duration;

use p2panda_core::PublicKey;
use tokio::sync::RwLockWriteGuard;
use tokio::time::Instant;

use crate::NodeAddress;

use super::AddressBook;
use super::peer_table::{Origin, PeerTable};

/// How often the engine frees the memory of expired peers.
///
/// Nobody sees a peer that has expired, since every access removes those first. This is for a book
/// that nobody asks: a minute is short against the time to live.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

impl AddressBook {
    /// Adds or updates a peer address, telling how we know the peer.
    ///
    /// When the book is full, the longest unseen peer of the least trusted origin makes room; if
    /// all of them are more trusted than this one, the address is dropped.
    pub async fn add_peer_from(&mut self, node_addr: NodeAddress, origin: Origin) {
        let mut table = self.table().await;
        table.add_address(node_addr, origin, self.network_id);
    }

    /// Marks a peer as seen. Returns false if it is unknown, which does not enter it.
    pub async fn touch_peer(&mut self, public_key: PublicKey) -> bool {
        self.table().await.touch(public_key.as_bytes())
    }

    /// Enters a direct neighbour of ours in a gossip overlay.
    pub async fn neighbour_up(&mut self, topic_id: [u8; 32], public_key: PublicKey) {
        let mut table = self.table().await;
        table.neighbour_up(topic_id, *public_key.as_bytes());
    }

    /// The peer is no longer our direct neighbour in this gossip overlay.
    pub async fn neighbour_down(&mut self, topic_id: [u8; 32], public_key: PublicKey) {
        let mut table = self.table().await;
        table.neighbour_down(topic_id, *public_key.as_bytes());
    }

    /// Replaces our direct neighbours in this gossip overlay, as it has just been joined.
    pub async fn set_neighbours(&mut self, topic_id: [u8; 32], public_keys: &[PublicKey]) {
        let mut table = self.table().await;
        table.set_neighbours(topic_id, public_keys.iter().map(|key| *key.as_bytes()));
    }

    /// Removes the peers not seen for longer than their time to live, and returns their number.
    pub async fn cleanup_stale_peers(&mut self) -> usize {
        self.inner.write().await.advance_to(Instant::now())
    }

    /// The table at this very moment: what has expired is gone.
    pub(super) async fn table(&self) -> RwLockWriteGuard<'_, PeerTable> {
        let mut table = self.inner.write().await;
        table.advance_to(Instant::now());
        table
    }
}
