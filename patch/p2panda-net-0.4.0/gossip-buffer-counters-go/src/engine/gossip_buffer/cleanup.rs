// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lets go of whatever no running sync session holds on to.
//!
//! A session that ends drains its entry; this is for what was never drained. An entry under a live
//! lock always stays as it is: its session still counts on finding it.

use p2panda_core::PublicKey;

use super::GossipBuffer;

impl GossipBuffer {
    /// Removes all entries, of any peer, that no session holds a lock on.
    pub fn cleanup_all_empty(&mut self) {
        self.remove_unlocked(|_| true);
    }

    fn remove_unlocked(&mut self, is_concerned: impl Fn(&PublicKey) -> bool) {
        self.counters
            .retain(|(peer, _), locks| *locks > 0 || !is_concerned(peer));
        self.buffers
            .retain(|entry, _| self.counters.contains_key(entry) || !is_concerned(&entry.0));
    }
}

#[cfg(test)]
mod tests {
    use p2panda_core::PrivateKey;

    use super::GossipBuffer;

    const CHAT: [u8; 32] = [2; 32];

    #[test]
    fn only_what_a_session_has_locked_survives_a_cleanup() {
        let mut buffer = GossipBuffer::default();
        let (running, ended) = (
            PrivateKey::new().public_key(),
            PrivateKey::new().public_key(),
        );
        buffer.lock(running, CHAT);
        buffer.lock(ended, CHAT);
        buffer.unlock(ended, CHAT);
        if let Some(messages) = buffer.buffer(running, CHAT) {
            messages.push(b"kept".to_vec());
        }

        buffer.cleanup_all_empty();
        buffer.cleanup_all_empty();
        assert_eq!((buffer.buffers.len(), buffer.counters.len()), (1, 1));
        assert_eq!(buffer.unlock(running, CHAT), Some(0));
        assert_eq!(buffer.drain(running, CHAT), Some(vec![b"kept".to_vec()]));
    }
}
