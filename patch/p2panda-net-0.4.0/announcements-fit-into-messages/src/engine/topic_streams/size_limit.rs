// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeping messages from gossip that it does not carry.

use tracing::warn;

use crate::network::{SubscriptionId, ToNetwork};
use crate::notices::{Notice, Notices};

use super::{TopicStreamId, TopicStreams};

/// How many bytes a message of a stream may have, and who is told of larger ones.
#[derive(Debug)]
pub(super) struct SizeLimit {
    pub bytes_max: usize,
    pub stream_id: TopicStreamId,
    pub topic_id: [u8; 32],
    pub notices: Notices,
}

impl SizeLimit {
    /// Whether a message can be published. Of one that can not, the application is told.
    pub fn admits(&self, message: &ToNetwork) -> bool {
        let ToNetwork::Message { bytes } = message;
        let (bytes, bytes_max) = (bytes.len(), self.bytes_max);
        if bytes <= bytes_max {
            return true;
        }
        warn!("dropped a message of {bytes} bytes: gossip carries {bytes_max} at most");
        self.notices.tell(Notice::MessageTooLarge {
            id: SubscriptionId(self.stream_id),
            topic_id: self.topic_id,
            bytes,
            bytes_max,
        });
        false
    }
}

impl<T> TopicStreams<T> {
    /// Sets how many bytes gossip carries in one message, for streams that are yet to come.
    pub fn set_content_max(&mut self, bytes: usize) {
        self.content_max = bytes;
    }
}
