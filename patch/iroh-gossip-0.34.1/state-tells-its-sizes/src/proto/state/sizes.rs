//! How much the protocol state keeps.

use super::State;
use crate::proto::topic;

/// How much the protocol state keeps: a number for each of its collections.
///
/// Of [`State::sizes`] they are sums over all topics, of [`topic::State::sizes`] those of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// Topics that are joined.
    pub topics: usize,
    /// Peers whose connection a topic wants to keep. Counted by [`State::sizes`] alone.
    pub peers: usize,
    /// Pairs of such a peer and such a topic. Counted by [`State::sizes`] alone.
    pub peer_topics: usize,
    /// Peers in the active views: our neighbors.
    pub active_peers: usize,
    /// Peers in the passive views: those who could become neighbors.
    pub passive_peers: usize,
    /// Peers that were asked to become neighbors and did not answer yet.
    pub pending_neighbor_requests: usize,
    /// Peers of which the latest [`PeerData`](crate::proto::PeerData) is kept.
    pub peer_data: usize,
    /// Bytes of that data.
    pub peer_data_bytes: usize,
    /// Peers that messages are sent to in full.
    pub eager_peers: usize,
    /// Peers that messages are only announced to.
    pub lazy_peers: usize,
    /// Announcements that wait to be sent.
    pub queued_announcements: usize,
    /// Ids of received messages.
    pub message_ids: usize,
    /// Messages that are kept for peers that missed them.
    pub payloads: usize,
    /// Bytes of their content.
    pub payload_bytes: usize,
    /// Messages that were announced to us and did not arrive yet, each with a timer to ask for it.
    pub missing_messages: usize,
    /// Announcements of such messages that can still be followed.
    pub missing_message_advertisers: usize,
}

impl<PI, R> State<PI, R> {
    /// Tells how much is kept, in all topics together.
    ///
    /// Costs a look at each topic, at each payload and at each missing message.
    pub fn sizes(&self) -> Sizes {
        let mut sizes = Sizes {
            topics: self.states.len(),
            peers: self.peer_topics.len(),
            peer_topics: self.peer_topics.values().map(|topics| topics.len()).sum(),
            ..Default::default()
        };
        for topic in self.states.values() {
            topic.add_sizes(&mut sizes);
        }
        sizes
    }
}

impl<PI, R> topic::State<PI, R> {
    /// Tells how much is kept for this topic.
    ///
    /// Costs a look at each payload and at each missing message.
    pub fn sizes(&self) -> Sizes {
        let mut sizes = Sizes {
            topics: 1,
            ..Default::default()
        };
        self.add_sizes(&mut sizes);
        sizes
    }

    fn add_sizes(&self, sizes: &mut Sizes) {
        self.swarm.add_sizes(sizes);
        self.gossip.add_sizes(sizes);
    }
}
