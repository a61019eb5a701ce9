// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the application asks for figures.

use anyhow::Result;
use p2panda_sync::TopicQuery;

use crate::{NetworkStats, TopicId};

use super::Network;

impl<T> Network<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Returns a snapshot of what the node keeps: sizes, bounds and losses.
    ///
    /// The engine answers between two other messages, after a walk through what it counts: less
    /// than a tenth of a millisecond with a full address book of default size. Fails if the
    /// network was shut down.
    pub async fn stats(&self) -> Result<NetworkStats> {
        self.inner.engine.stats().await
    }
}
