// SPDX-License-Identifier: MIT OR Apache-2.0

//! Telling the application what happens in the network.

use p2panda_sync::TopicQuery;

use crate::TopicId;
use crate::events::SystemEvent;

use super::EngineActor;

impl<T> EngineActor<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Tells every receiver of system events, of which there may be none: an application drops its
    /// receivers when it likes.
    pub(super) fn emit(&self, event: SystemEvent<T>) {
        if let Some(event_tx) = &self.system_event_tx {
            event_tx.send(event).ok();
        }
    }
}
