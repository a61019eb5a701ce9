// SPDX-License-Identifier: MIT OR Apache-2.0

//! Figures on everything a node keeps that its peers or the application can fill.

use serde::Serialize;

use crate::{AddressBookStats, GossipBufferStats};

/// What a node keeps at one moment: sizes, bounds, and what the bounds cost.
///
/// Counters start at zero when the node is built and only rise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkStats {
    /// Known peers.
    pub address_book: AddressBookStats,

    /// Gossip messages held back while a sync session is running.
    pub gossip_buffers: GossipBufferStats,
}
