// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ending subscriptions: what the engine does, and how it is asked.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use tokio::sync::{broadcast, oneshot};

use crate::TopicId;
use crate::engine::Engine;
use crate::engine::topic_streams::NewStream;
use crate::events::SystemEvent;
use crate::network::SubscriptionId;
use crate::notices::{Notice, Notices};

use super::{EngineActor, ToEngineActor};

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    pub fn notices(&self) -> Notices {
        self.topic_streams.notices()
    }

    pub(super) async fn on_subscribe_with_id(
        &mut self,
        stream: NewStream<T>,
    ) -> Result<SubscriptionId> {
        let stream_id = self.topic_streams.subscribe_with_id(stream).await?;
        let announced = self.topic_streams.topic_ids();
        let discovery = &self.topic_discovery;
        discovery.announce(announced, &self.private_key).await?;
        Ok(SubscriptionId(stream_id))
    }

    /// The gossip actor has left an overlay, and will tell no more of it.
    pub(super) fn on_gossip_left(&mut self, topic_id: [u8; 32]) {
        self.topic_streams.on_gossip_left(topic_id);
        self.emit(SystemEvent::GossipLeft { topic_id });
    }

    /// Whether a message is about an overlay that the gossip actor was asked to leave since.
    ///
    /// Such a one was on its way here at the time. It would make us a member of what we have left,
    /// or end the waiting of those who have subscribed anew.
    pub(super) fn is_outdated(&self, message: &ToEngineActor<T>) -> bool {
        match message {
            ToEngineActor::GossipJoined { topic_id, .. }
            | ToEngineActor::GossipNeighborUp { topic_id, .. }
            | ToEngineActor::GossipNeighborDown { topic_id, .. }
            | ToEngineActor::GossipMessage { topic_id, .. } => {
                self.topic_streams.is_leaving(topic_id)
            }
            _ => false,
        }
    }
}

impl<T> Engine<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Establishes a stream, and returns its name.
    pub async fn subscribe_with_id(&self, stream: NewStream<T>) -> Result<SubscriptionId> {
        let (reply, id) = oneshot::channel();
        let message = ToEngineActor::SubscribeWithId { stream, reply };
        self.engine_actor_tx.send(message).await?;
        Ok(id.await?)
    }

    /// Ends a subscription, and returns whether there was one.
    pub async fn unsubscribe(&self, id: SubscriptionId) -> Result<bool> {
        let (reply, is_known) = oneshot::channel();
        let message = ToEngineActor::Unsubscribe { id, reply };
        self.engine_actor_tx.send(message).await?;
        Ok(is_known.await?)
    }

    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }
}
