// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the application has its node keep less.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use serde::Serialize;

use crate::TopicId;

use super::Network;

/// What a node has dropped to keep less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Shrunk {
    /// Peers that were known and no neighbours.
    pub peers: usize,

    /// Messages that waited for receivers that were dropped.
    pub unread_messages: usize,

    /// Messages that gossip kept for neighbours that missed them.
    pub gossip_payloads: usize,

    /// Bytes that these took.
    pub gossip_payload_bytes: usize,

    /// Ids of messages that gossip has received.
    pub gossip_message_ids: usize,
}

impl<T> Network<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Drops all that the node can do without, for example when memory is short, and tells what
    /// that was.
    ///
    /// - Known peers, with what is remembered of failed sync sessions with them: except for
    ///   neighbours, and for those given to [`Network::add_peer`] or to the builder. None at all
    ///   while there is no neighbour. Those that live come back with their next announcement.
    /// - Messages that wait for receivers which were dropped.
    /// - What gossip has kept for ten seconds in case a neighbour missed it, and the ids of messages
    ///   that are no longer handed out.
    /// - The spare room of tables.
    ///
    /// No connection, subscription or sync session is touched, and no message that somebody waits
    /// for is lost. It costs a walk through what is kept, and a copy of it, between two messages of
    /// the engine: about a millisecond with a full address book. Fails if the network has ended.
    /// Cancel safe: what was not dropped stays.
    pub async fn shrink(&self) -> Result<Shrunk> {
        let shrunk = self.inner.engine.shrink().await?;
        let gossip = self.inner.gossip.shrink().await?;
        Ok(Shrunk {
            gossip_payloads: gossip.payloads,
            gossip_payload_bytes: gossip.payload_bytes,
            gossip_message_ids: gossip.message_ids,
            ..shrunk
        })
    }
}
