// SPDX-License-Identifier: MIT OR Apache-2.0

//! Gathers the figures of everything the engine owns.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::{NetworkStats, TopicId};

use super::{EngineActor, ToEngineActor};

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    pub(super) async fn stats(&self) -> NetworkStats {
        NetworkStats {
            address_book: self.address_book.stats().await,
            gossip_buffers: self.topic_streams.gossip_buffer_stats(),
        }
    }
}

impl<T> Engine<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Returns the figures of this moment.
    pub async fn stats(&self) -> Result<NetworkStats> {
        let (reply, reply_rx) = oneshot::channel();
        let message = ToEngineActor::Stats { reply };
        self.engine_actor_tx.send(message).await?;
        Ok(reply_rx.await?)
    }
}
