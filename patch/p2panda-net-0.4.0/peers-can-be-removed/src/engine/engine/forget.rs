// SPDX-License-Identifier: MIT OR Apache-2.0

//! Forgetting peers by request: what the engine does, and how it is asked.

use anyhow::Result;
use p2panda_core::PublicKey;
use p2panda_sync::TopicQuery;
use tokio::sync::oneshot;

use crate::TopicId;
use crate::engine::Engine;

use super::{EngineActor, ToEngineActor};

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Forgets peers everywhere: their gossip buffers, addresses and topics, and by way of the
    /// address book, which wakes the sync actor, their sync scopes.
    ///
    /// Waits for nobody: the sync actor may itself be waiting for the engine.
    pub(super) async fn on_remove_peers(&mut self, public_keys: Vec<PublicKey>) -> usize {
        for public_key in &public_keys {
            self.topic_streams.forget_peer(public_key);
        }
        self.address_book.remove_peers(&public_keys).await
    }
}

impl<T> Engine<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Forgets peers and returns how many of them were in the address book.
    pub async fn remove_peers(&self, public_keys: Vec<PublicKey>) -> Result<usize> {
        let (reply, reply_rx) = oneshot::channel();
        let message = ToEngineActor::RemovePeers { public_keys, reply };
        self.engine_actor_tx.send(message).await?;
        Ok(reply_rx.await?)
    }

    /// Returns the number of peers in the address book.
    pub async fn peer_count(&self) -> Result<usize> {
        let (reply, reply_rx) = oneshot::channel();
        let message = ToEngineActor::PeerCount { reply };
        self.engine_actor_tx.send(message).await?;
        Ok(reply_rx.await?)
    }
}
