//! Keeping less, under memory pressure.

use n0_future::time::Instant;

use super::State;
use crate::proto::PeerIdentity;

/// What a node has forgotten to keep less.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shrunk {
    /// Messages that were kept for peers that missed them.
    pub payloads: usize,
    /// Bytes that they counted against [`GossipLimits::payload_bytes_per_topic`](crate::GossipLimits).
    pub payload_bytes: usize,
    /// Ids of received messages.
    pub message_ids: usize,
}

impl<PI: PeerIdentity, R> State<PI, R> {
    /// Forgets what can be done without, in all topics, and tells what that was.
    ///
    /// That is messages that came more than ten seconds ago, as nobody asks for them any more, and
    /// the ids of those that came longer ago than messages are kept, as nobody sends them any more.
    /// Neighbors, and who could become one, stay. Costs what is forgotten, and a copy of what is
    /// kept.
    pub fn shrink(&mut self, now: Instant) -> Shrunk {
        let mut shrunk = Shrunk::default();
        for topic in self.states.values_mut() {
            topic.gossip.shrink(now, &mut shrunk);
        }
        self.states.shrink_to_fit();
        self.peer_topics.shrink_to_fit();
        shrunk
    }
}
