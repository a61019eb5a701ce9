//! How much the broadcast layer keeps.

use super::State;
use crate::proto::Sizes;

impl<PI> State<PI> {
    /// Adds the number of entries of each collection.
    pub fn add_sizes(&self, sizes: &mut Sizes) {
        let queued = self.lazy_push_queue.values();
        let payloads = self.cache.iter();
        let advertisers = self.missing_messages.values();
        sizes.eager_peers += self.eager_push_peers.len();
        sizes.lazy_peers += self.lazy_push_peers.len();
        sizes.queued_announcements += queued.map(|queue| queue.len()).sum::<usize>();
        sizes.message_ids += self.received_messages.len();
        sizes.payloads += self.cache.len();
        sizes.payload_bytes += payloads
            .map(|(_, gossip, _)| gossip.content.len())
            .sum::<usize>();
        sizes.missing_messages += self.missing_messages.len();
        sizes.missing_message_advertisers += advertisers.map(|peers| peers.len()).sum::<usize>();
    }
}
