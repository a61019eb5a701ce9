// SPDX-License-Identifier: MIT OR Apache-2.0

//! Figures on gossip, which are iroh-gossip's own.

use iroh_gossip::net::NodeSizes;
use serde::Serialize;

use super::GossipSettings;

/// What gossip keeps, in all overlays together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GossipStats {
    /// Overlays that this node is in, or wants to be in, with that of the network.
    pub overlays: usize,

    /// Neighbours, once for each overlay.
    pub neighbours: usize,

    /// Peers that could become neighbours, once for each overlay.
    pub passive_peers: usize,

    /// Bytes of what these peers told about themselves.
    pub peer_data_bytes: usize,

    /// Ids of received messages.
    pub message_ids: usize,

    /// Bound of `message_ids` in one overlay.
    pub message_ids_max: usize,

    /// Messages that are kept for neighbours that missed them.
    pub payloads: usize,

    /// Bytes of these messages, with what it takes to keep them.
    pub payload_bytes: usize,

    /// Bound of `payload_bytes` in one overlay.
    pub payload_bytes_max: usize,

    /// Messages that were announced and have not come yet.
    pub missing_messages: usize,

    /// Bound of the missing messages that one neighbour announced in one overlay.
    pub missing_messages_max: usize,

    /// Announcements that wait to be sent.
    pub queued_announcements: usize,

    /// Peers with a gossip connection.
    pub connected_peers: usize,

    /// Their connections.
    pub connections: usize,

    /// Messages that wait to be sent on them.
    pub queued_messages: usize,

    /// Bound of the messages that wait on one connection.
    pub queued_messages_max: usize,

    /// Peers that are dialled, wait for their turn, or are given a pause after a dial that failed.
    pub dials: usize,

    /// Bound of `dials`.
    pub dials_max: usize,

    /// Messages that wait for one of these to be connected.
    pub pending_messages: usize,

    /// Bound of the messages that wait for one of them.
    pub pending_messages_max: usize,

    /// Bytes of the messages that wait.
    pub pending_bytes: usize,

    /// Bound of the bytes that wait for one of them.
    pub pending_bytes_max: usize,
}

impl GossipStats {
    pub fn new(sizes: NodeSizes, settings: &GossipSettings) -> Self {
        let (protocol, connections) = (&settings.protocol, &settings.connections);
        Self {
            overlays: sizes.protocol.topics,
            neighbours: sizes.protocol.active_peers,
            passive_peers: sizes.protocol.passive_peers,
            peer_data_bytes: sizes.protocol.peer_data_bytes,
            message_ids: sizes.protocol.message_ids,
            message_ids_max: protocol.message_ids_per_topic,
            payloads: sizes.protocol.payloads,
            payload_bytes: sizes.protocol.payload_bytes,
            payload_bytes_max: protocol.payload_bytes_per_topic,
            missing_messages: sizes.protocol.missing_messages,
            missing_messages_max: protocol.missing_messages_per_peer,
            queued_announcements: sizes.protocol.queued_announcements,
            connected_peers: sizes.connected_peers,
            connections: sizes.connections,
            queued_messages: sizes.queued_messages,
            queued_messages_max: connections.send_queue_messages,
            dials: sizes.dials,
            dials_max: connections.dials,
            pending_messages: sizes.pending_messages,
            pending_messages_max: connections.pending_messages,
            pending_bytes: sizes.pending_bytes,
            pending_bytes_max: connections.pending_bytes,
        }
    }
}
