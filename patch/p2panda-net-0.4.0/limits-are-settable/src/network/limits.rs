// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the application sets the bounds of a node.

use p2panda_sync::TopicQuery;

use crate::Limits;

use super::NetworkBuilder;

impl<T> NetworkBuilder<T>
where
    T: TopicQuery,
{
    /// Sets bounds on what the node remembers and keeps for others.
    ///
    /// `build` returns a [`LimitsError`](crate::LimitsError) if one of them is zero.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
