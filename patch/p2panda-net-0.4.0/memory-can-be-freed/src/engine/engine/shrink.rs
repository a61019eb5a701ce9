// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeping less on request: what the engine does, and how it is asked.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::{Shrunk, TopicId};

use super::{EngineActor, ToEngineActor};

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Drops what can be done without. The sync actor hears of the peers by way of the address book.
    pub(super) async fn shrink(&mut self) -> Shrunk {
        Shrunk {
            peers: self.address_book.shrink().await,
            unread_messages: self.topic_streams.shrink().await,
            ..Default::default()
        }
    }
}

impl<T> Engine<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Has the engine drop what can be done without, and tells what that was.
    pub async fn shrink(&self) -> Result<Shrunk> {
        let (reply, shrunk) = oneshot::channel();
        self.send(ToEngineActor::Shrink { reply }).await?;
        self.answer(shrunk).await
    }
}
