// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeps the gossip buffers of topic streams to those of running sync sessions.

use p2panda_sync::TopicQuery;

use crate::TopicId;

use super::TopicStreams;

impl<T> TopicStreams<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Removes the gossip buffers that no running session has locked.
    pub fn cleanup_gossip_buffers(&mut self) {
        self.gossip_buffer.cleanup_all_empty();
    }
}
