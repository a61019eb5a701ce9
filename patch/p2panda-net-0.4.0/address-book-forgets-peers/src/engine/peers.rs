// SPDX-License-Identifier: MIT OR Apache-2.0

//! The engine's interface for learning about peers other than from the running application.

use anyhow::Result;
use p2panda_sync::TopicQuery;

use crate::{NodeAddress, TopicId};

use super::address_book::Origin;
use super::{Engine, ToEngineActor};

impl<T> Engine<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Adds a peer that a discovery service found: it makes room before those the application adds.
    pub async fn add_discovered_peer(&self, node_addr: NodeAddress) -> Result<()> {
        self.add_peer_from(node_addr, Origin::Discovered).await
    }

    /// Adds a peer the network was built with: it never makes room and does not expire.
    pub async fn add_configured_peer(&self, node_addr: NodeAddress) -> Result<()> {
        self.add_peer_from(node_addr, Origin::Configured).await
    }

    async fn add_peer_from(&self, node_addr: NodeAddress, origin: Origin) -> Result<()> {
        let message = ToEngineActor::AddPeerFrom { node_addr, origin };
        Ok(self.engine_actor_tx.send(message).await?)
    }
}
