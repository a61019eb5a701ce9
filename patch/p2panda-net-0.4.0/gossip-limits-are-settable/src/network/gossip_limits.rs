// SPDX-License-Identifier: MIT OR Apache-2.0

//! The limits of gossip, which are iroh-gossip's own.

use iroh_gossip::GossipLimits;
use iroh_gossip::net::ConnectionLimits as GossipConnectionLimits;

/// What `Limits` hands on to gossip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GossipSettings {
    pub protocol: GossipLimits,
    pub connections: GossipConnectionLimits,
}

impl GossipSettings {
    /// Each limit by its name, and whether it is zero.
    pub fn zeros(&self) -> [(&'static str, bool); 14] {
        let (protocol, connections) = (&self.protocol, &self.connections);
        [
            (
                "gossip.message_ids_per_topic",
                protocol.message_ids_per_topic == 0,
            ),
            (
                "gossip.payload_bytes_per_topic",
                protocol.payload_bytes_per_topic == 0,
            ),
            (
                "gossip.missing_messages_per_peer",
                protocol.missing_messages_per_peer == 0,
            ),
            (
                "gossip.advertisers_per_message",
                protocol.advertisers_per_message == 0,
            ),
            ("gossip.shuffle_nodes", protocol.shuffle_nodes == 0),
            ("gossip.peer_data_bytes", protocol.peer_data_bytes == 0),
            (
                "gossip_connections.send_queue_messages",
                connections.send_queue_messages == 0,
            ),
            (
                "gossip_connections.send_stall",
                connections.send_stall.is_zero(),
            ),
            (
                "gossip_connections.half_closed_grace",
                connections.half_closed_grace.is_zero(),
            ),
            (
                "gossip_connections.dials_in_flight",
                connections.dials_in_flight == 0,
            ),
            (
                "gossip_connections.dial_timeout",
                connections.dial_timeout.is_zero(),
            ),
            ("gossip_connections.dials", connections.dials == 0),
            (
                "gossip_connections.pending_messages",
                connections.pending_messages == 0,
            ),
            (
                "gossip_connections.pending_bytes",
                connections.pending_bytes == 0,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{GossipConnectionLimits, GossipLimits, Limits, LimitsError};

    #[test]
    fn a_limit_of_gossip_that_is_zero_is_refused_by_its_name() {
        let mut protocol = GossipLimits::default();
        protocol.payload_bytes_per_topic = 0;
        let mut connections = GossipConnectionLimits::default();
        connections.send_stall = Duration::ZERO;
        for (limits, limit) in [
            (
                Limits::default().gossip(protocol),
                "gossip.payload_bytes_per_topic",
            ),
            (
                Limits::default().gossip_connections(connections),
                "gossip_connections.send_stall",
            ),
        ] {
            assert_eq!(limits.validate(), Err(LimitsError::Zero { limit }));
        }
    }
}
