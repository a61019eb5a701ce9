// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bounds of what the engine owns.

use p2panda_sync::TopicQuery;

use crate::{Limits, TopicId};

use super::EngineActor;

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Sets the bounds of an engine that does not run yet.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.topic_streams.set_backlog_limits(limits.backlog);
        self
    }
}
