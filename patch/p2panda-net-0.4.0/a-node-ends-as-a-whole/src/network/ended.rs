// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the application asks whether its node has ended.

use p2panda_sync::TopicQuery;

use crate::{NetworkEnded, TopicId};

use super::Network;

impl<T> Network<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Returns why the network has ended, or `None` while it runs.
    ///
    /// A network ends when it is shut down, or when a part of it fails without which it can not go
    /// on; then it closes its connections and the channels of all subscriptions by itself, and each
    /// call returns this as its error. Its sockets are bound until the last `Network` is dropped.
    pub fn ended(&self) -> Option<NetworkEnded> {
        self.inner.engine.ending().reason()
    }
}
