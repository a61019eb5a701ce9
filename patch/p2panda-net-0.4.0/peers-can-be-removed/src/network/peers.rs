// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the application forgets and counts peers.

use anyhow::Result;
use p2panda_core::PublicKey;
use p2panda_sync::TopicQuery;

use crate::TopicId;

use super::Network;

impl<T> Network<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Forgets a peer, and returns whether it was in the address book.
    ///
    /// Its addresses and topics are gone when this returns, its sync scopes (past and scheduled
    /// sessions) as soon as the sync actor gets to it. Doing it twice does no harm.
    ///
    /// This is to *forget*, not to *block*: an announcement of the peer, a discovery service or
    /// `add_peer` bring it back. A connection to a current neighbour is left alone, and a sync
    /// session that is running comes to its end. The endpoint underneath has no way to remove one
    /// address; it prunes those it does not use by itself.
    ///
    /// Fails if the network was shut down. Cancel safe: the peer is then either forgotten or not.
    pub async fn remove_peer(&self, public_key: PublicKey) -> Result<bool> {
        Ok(self.remove_peers(&[public_key]).await? > 0)
    }

    /// Forgets all these peers in one step, and returns how many of them were in the address book.
    ///
    /// See [`Network::remove_peer`] for what that means.
    pub async fn remove_peers(&self, public_keys: &[PublicKey]) -> Result<usize> {
        self.inner.engine.remove_peers(public_keys.to_vec()).await
    }

    /// Returns the number of peers in the address book, also of those whose address is unknown.
    ///
    /// Fails if the network was shut down.
    pub async fn peer_count(&self) -> Result<usize> {
        self.inner.engine.peer_count().await
    }
}
