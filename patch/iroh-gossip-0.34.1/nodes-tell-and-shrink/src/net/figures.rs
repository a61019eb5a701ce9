//! How a running node is asked how much it keeps, and to keep less.

use n0_future::time::Instant;
use tokio::sync::oneshot;

use super::{Actor, Error, Gossip, ToActor};
use crate::proto::{Shrunk, Sizes};

/// How much a node keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSizes {
    /// The protocol state.
    pub protocol: Sizes,
    /// Topics with a subscription.
    pub subscribed_topics: usize,
    /// Peers with a connection.
    pub connected_peers: usize,
    /// Their connections.
    pub connections: usize,
    /// Messages that wait to be sent on them.
    pub queued_messages: usize,
    /// Peers that are dialed, wait for their turn, or are given a pause after a dial that failed.
    pub dials: usize,
    /// Messages that wait for one of these to be connected.
    pub pending_messages: usize,
    /// Bytes of these messages.
    pub pending_bytes: usize,
}

impl Gossip {
    /// Tells how much the node keeps.
    ///
    /// The actor answers between two other messages, after a look at each topic, connection and
    /// dial. Fails if it has ended.
    pub async fn sizes(&self) -> Result<NodeSizes, Error> {
        let (reply, sizes) = oneshot::channel();
        self.inner.send(ToActor::Sizes { reply }).await?;
        sizes.await.map_err(|_| Error::ActorClosed)
    }

    /// Forgets what the node can do without, for example when memory is short, and tells what that
    /// was. See [`State::shrink`](crate::proto::State::shrink).
    ///
    /// No connection, neighbor or subscription is touched. Fails if the actor has ended. Cancel
    /// safe: it is then forgotten or not.
    pub async fn shrink(&self) -> Result<Shrunk, Error> {
        let (reply, shrunk) = oneshot::channel();
        self.inner.send(ToActor::Shrink { reply }).await?;
        shrunk.await.map_err(|_| Error::ActorClosed)
    }
}

impl Actor {
    pub(super) fn sizes(&self) -> NodeSizes {
        let mut sizes = NodeSizes {
            protocol: self.state.sizes(),
            subscribed_topics: self.topics.len(),
            ..Default::default()
        };
        self.peers.add_sizes(&mut sizes);
        self.dials.add_sizes(&mut sizes);
        sizes
    }

    pub(super) fn shrink(&mut self, now: Instant) -> Shrunk {
        self.topics.shrink_to_fit();
        self.state.shrink(now)
    }
}
