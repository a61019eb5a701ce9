// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds on what a node remembers and keeps for others.

use std::time::Duration;

use thiserror::Error;

use crate::engine::PeerLimits;

/// Bounds on everything that peers or the application can fill.
///
/// The defaults suit a node in a network of up to about a thousand peers. Every bound can be
/// raised; none can be switched off, and `NetworkBuilder::build` refuses a bound of zero.
///
/// ```
/// use std::time::Duration;
/// use p2panda_net::Limits;
///
/// let limits = Limits::default()
///     .max_peers(10_000)
///     .peer_ttl(Duration::from_secs(15 * 60));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    pub(crate) peers: PeerLimits,
}

impl Limits {
    /// Peers kept in the address book. Default: 1024, which take about half a megabyte.
    ///
    /// In a full book those who only announced topics make room first, then those found by a
    /// discovery service or met as a neighbour, then those added through `Network::add_peer`; of
    /// each the longest unseen. Current neighbours and the peers given to
    /// `NetworkBuilder::direct_address` never do; the latter may take the book beyond this bound.
    ///
    /// In a network of more peers it should be raised: a peer that made room comes back with its
    /// next announcement. `Network::known_peers` holds the engine up for about four microseconds a
    /// peer.
    pub fn max_peers(mut self, peers: usize) -> Self {
        self.peers.max_peers = peers;
        self
    }

    /// How long a peer is kept in the address book after it was last seen. Default: one hour.
    ///
    /// A peer was seen when it announced topics, was added again, was discovered, was a neighbour
    /// or completed a sync session. Current neighbours and the peers given to
    /// `NetworkBuilder::direct_address` do not expire. Nor do those added through
    /// `Network::add_peer` while the node has no neighbour: they are its way back, and their time
    /// starts when it has one.
    pub fn peer_ttl(mut self, ttl: Duration) -> Self {
        self.peers.peer_ttl = ttl;
        self
    }

    /// Differing addresses kept of each peer, the newest. Default: 8.
    pub fn addresses_per_peer(mut self, addresses: usize) -> Self {
        self.peers.addresses_per_peer = addresses;
        self
    }

    /// Socket addresses kept of each address of a peer, the first ones. Default: 32.
    pub fn sockets_per_address(mut self, sockets: usize) -> Self {
        self.peers.sockets_per_address = sockets;
        self
    }

    /// Topics kept of each peer, the last announced. Default: 256.
    ///
    /// Each topic of an announcement costs a walk through those known of its peer.
    pub fn topics_per_peer(mut self, topics: usize) -> Self {
        self.peers.topics_per_peer = topics;
        self
    }

    /// Checks that no bound is zero: such a node could not work, and would not say why.
    pub(crate) fn validate(&self) -> Result<(), LimitsError> {
        let bounds = [
            ("max_peers", self.peers.max_peers == 0),
            ("peer_ttl", self.peers.peer_ttl.is_zero()),
            ("addresses_per_peer", self.peers.addresses_per_peer == 0),
            ("sockets_per_address", self.peers.sockets_per_address == 0),
            ("topics_per_peer", self.peers.topics_per_peer == 0),
        ];
        match bounds.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((limit, _)) => Err(LimitsError::Zero { limit }),
            None => Ok(()),
        }
    }
}

/// Limits that a node can not be built with.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitsError {
    /// A bound is zero.
    #[error("limit `{limit}` is zero, but must be greater")]
    Zero {
        /// Name of the method of [`Limits`] that set it.
        limit: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limits, LimitsError};

    #[test]
    fn every_bound_of_zero_is_refused_by_its_name() {
        let zero = Duration::ZERO;
        for (limits, limit) in [
            (Limits::default().max_peers(0), "max_peers"),
            (Limits::default().peer_ttl(zero), "peer_ttl"),
            (
                Limits::default().addresses_per_peer(0),
                "addresses_per_peer",
            ),
            (
                Limits::default().sockets_per_address(0),
                "sockets_per_address",
            ),
            (Limits::default().topics_per_peer(0), "topics_per_peer"),
        ] {
            assert_eq!(limits.validate(), Err(LimitsError::Zero { limit }));
        }
        assert_eq!(Limits::default().validate(), Ok(()));
    }

    #[test]
    fn the_largest_bounds_are_taken() {
        let limits = Limits::default()
            .max_peers(usize::MAX)
            .peer_ttl(Duration::MAX)
            .addresses_per_peer(usize::MAX)
            .sockets_per_address(usize::MAX)
            .topics_per_peer(usize::MAX);
        assert_eq!(limits.validate(), Ok(()));
    }
}
