// SPDX-License-Identifier: MIT OR Apache-2.0

//! Figures on the streams of the application.

use p2panda_sync::TopicQuery;
use serde::Serialize;

use crate::TopicId;

use super::TopicStreams;

/// The subscriptions of the application, and the overlays they need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TopicStreamStats {
    /// Subscriptions that have not ended.
    pub streams: usize,

    /// Topics they are for.
    pub topics: usize,

    /// Ids of these topics.
    pub topic_ids: usize,

    /// Topic ids whose overlay is joined.
    pub joined: usize,

    /// Topic ids whose overlay is yet to be joined.
    pub pending: usize,

    /// Subscriptions that wait to hear of that.
    pub waiting: usize,

    /// Overlays that were left, of which the gossip actor has not said so yet.
    pub leaving: usize,
}

impl<T> TopicStreams<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Figures of this moment.
    pub async fn stats(&self) -> TopicStreamStats {
        TopicStreamStats {
            streams: self.active_count(),
            topics: self.topic_to_stream.len(),
            topic_ids: self.topic_id_to_stream.len(),
            joined: self.gossip_joined.read().await.len(),
            pending: self.gossip_pending.topic_ids().count(),
            waiting: self.gossip_pending.waiting(),
            leaving: self.leaving.len(),
        }
    }
}
