// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the engine does when the network interfaces have changed.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use tracing::debug;

use crate::TopicId;
use crate::engine::gossip::ToGossipActor;
use crate::sync::manager::ToSyncActor;

use super::EngineActor;

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Has every overlay joined anew, and everything synced with everybody, as connections may have
    /// gone with their interface.
    ///
    /// Subscriptions stay: they are not told, but for those made before the overlay is joined again.
    pub(super) async fn on_interface_change(&mut self) -> Result<()> {
        debug!("network interfaces have changed");
        let (discovery, streams) = (&mut self.topic_discovery, &mut self.topic_streams);
        discovery.reset_status().await;
        streams.move_joined_to_pending().await;
        if let Some(sync_actor) = &self.sync_actor_tx {
            sync_actor.send(ToSyncActor::Reset).await?;
        }
        Ok(self.gossip_actor_tx.send(ToGossipActor::Reset).await?)
    }
}
