// SPDX-License-Identifier: MIT OR Apache-2.0

//! Figures on the gossip buffers.

use serde::Serialize;

use super::GossipBuffer;

/// What is held back for running sync sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GossipBufferStats {
    /// Buffers, one for each peer and topic that is locked by at least one session.
    pub buffers: usize,

    /// Locks that sessions hold on them.
    pub locks: usize,

    /// Messages held back in all buffers.
    pub messages: usize,

    /// Bytes of these messages.
    pub bytes: usize,
}

impl GossipBuffer {
    /// Figures on all buffers at this moment. Costs a walk through them.
    pub fn stats(&self) -> GossipBufferStats {
        GossipBufferStats {
            buffers: self.buffers.len(),
            locks: self.counters.values().sum(),
            messages: self.buffers.values().map(Vec::len).sum(),
            bytes: self.buffers.values().flatten().map(Vec::len).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use p2panda_core::PrivateKey;

    use super::{GossipBuffer, GossipBufferStats};

    #[test]
    fn locks_and_held_back_messages_are_counted_until_they_are_drained() {
        let mut buffer = GossipBuffer::default();
        let peer = PrivateKey::new().public_key();
        let topic_id = [2; 32];
        buffer.lock(peer, topic_id);
        buffer.lock(peer, topic_id);
        for message in [b"one".to_vec(), b"three".to_vec()] {
            buffer.buffer(peer, topic_id).unwrap().push(message);
        }
        let held_back = GossipBufferStats {
            buffers: 1,
            locks: 2,
            messages: 2,
            bytes: 8,
        };
        assert_eq!(buffer.stats(), held_back);

        buffer.unlock(peer, topic_id);
        buffer.unlock(peer, topic_id);
        buffer.drain(peer, topic_id);
        assert_eq!(buffer.stats(), GossipBufferStats::default());
    }
}
