// SPDX-License-Identifier: MIT OR Apache-2.0

//! How streams end, and what goes with them.
//!
//! A stream ends when it is unsubscribed, when its guard is dropped, or when the application has
//! dropped both its halves. Whichever it is, its publisher ends, and this is where that leads:
//!
//! | what ends | what goes |
//! |---|---|
//! | a stream | its channels, its publisher, its place among those who wait to be ready |
//! | the last stream of a topic | the sync scopes of the topic, at the sync actor's leisure |
//! | the last stream of a topic id | the overlay or the attempts to join it, what is known of its neighbours, the gossip held back for sync sessions |
//! | a sync session | its lock on a gossip buffer; the buffer with the last lock |
//! | a peer | its addresses, topics and sync scopes; its gossip buffers, except under a lock |
//!
//! The engine waits for room in the inboxes of the gossip actor and of the sync actor here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use anyhow::Result;
use p2panda_sync::TopicQuery;

use crate::TopicId;
use crate::engine::gossip::ToGossipActor;
use crate::network::SubscriptionId;
use crate::notices::{Notice, Notices};
use crate::sync::manager::ToSyncActor;

use super::{TopicStreamId, TopicStreams};

impl<T> TopicStreams<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Ends a stream, and returns whether there was one.
    ///
    /// What the application has sent on it goes to the gossip actor first.
    pub async fn unsubscribe(&mut self, stream_id: TopicStreamId) -> Result<bool> {
        let is_known = self.publishers.stop(stream_id).await;
        self.cleanup_closed_streams().await?;
        Ok(is_known)
    }

    /// Waits until a stream has closed. Cancel safe.
    pub async fn stream_closed(&mut self) {
        self.publishers.closed().await;
    }

    /// Ends those streams that have closed, and returns their number.
    pub async fn cleanup_closed_streams(&mut self) -> Result<usize> {
        let closed = self.publishers.take_closed();
        for stream_id in &closed {
            self.end(*stream_id).await?;
        }
        Ok(closed.len())
    }

    /// Number of streams that have not ended.
    pub fn active_count(&self) -> usize {
        self.subscribed.len()
    }

    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Whether the gossip actor has yet to leave this overlay.
    pub fn is_leaving(&self, topic_id: &[u8; 32]) -> bool {
        self.leaving.contains_key(topic_id)
    }

    /// The gossip actor has left an overlay, once.
    pub fn on_gossip_left(&mut self, topic_id: [u8; 32]) {
        if let Entry::Occupied(mut times) = self.leaving.entry(topic_id) {
            *times.get_mut() -= 1;
            if *times.get() == 0 {
                times.remove();
            }
        }
    }

    async fn end(&mut self, stream_id: TopicStreamId) -> Result<()> {
        let Some((topic, _)) = self.subscribed.remove(&stream_id) else {
            return Ok(());
        };
        let topic_id = topic.id();
        self.gossip_pending.stop_waiting(topic_id, stream_id);
        let is_last_of_topic = remove(&mut self.topic_to_stream, &topic, stream_id);
        let is_last_of_id = remove(&mut self.topic_id_to_stream, &topic_id, stream_id);
        self.notices.tell(Notice::StreamEnded {
            id: SubscriptionId(stream_id),
            topic_id,
        });

        if is_last_of_topic && let Some(sync_actor_tx) = &self.sync_actor_tx {
            sync_actor_tx.send(ToSyncActor::Forget { topic }).await?;
        }
        if is_last_of_id {
            self.leave(topic_id).await?;
        }
        Ok(())
    }

    async fn leave(&mut self, topic_id: [u8; 32]) -> Result<()> {
        self.gossip_pending.remove(topic_id);
        self.gossip_joined.write().await.remove(&topic_id);
        self.gossip_buffer.cleanup_topic(&topic_id);
        // No topic should have the id of the network. If one does, its overlay is not ours to leave.
        if topic_id == self.address_book.network_id() {
            return Ok(());
        }
        self.address_book.set_neighbours(topic_id, &[]).await;
        *self.leaving.entry(topic_id).or_default() += 1;
        self.gossip_actor_tx
            .send(ToGossipActor::Leave { topic_id })
            .await?;
        Ok(())
    }
}

/// Takes a stream out of those of a key. Returns true if it was the last one.
fn remove<K: Eq + Hash>(
    streams: &mut HashMap<K, Vec<TopicStreamId>>,
    key: &K,
    stream_id: TopicStreamId,
) -> bool {
    let Some(stream_ids) = streams.get_mut(key) else {
        return false;
    };
    stream_ids.retain(|id| *id != stream_id);
    let is_last = stream_ids.is_empty();
    if is_last {
        streams.remove(key);
    }
    is_last
}
