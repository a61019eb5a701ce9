// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an application may want to know of its node beyond the system events.
//!
//! [`SystemEvent`](crate::SystemEvent) can be matched exhaustively, so it can not grow. This can.

use tokio::sync::broadcast;

use crate::SubscriptionId;

/// How many notices a receiver may lie behind: as many as system events.
const NOTICES_MAX: usize = 128;

/// Something an application may want to know, but can do without.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A subscription has ended: its channels are closed.
    StreamEnded {
        id: SubscriptionId,
        topic_id: [u8; 32],
    },
}

/// Tells notices to all who listen. Nobody waits for them.
#[derive(Clone, Debug)]
pub(crate) struct Notices(broadcast::Sender<Notice>);

impl Notices {
    pub fn tell(&self, notice: Notice) {
        // There may be no receiver.
        self.0.send(notice).ok();
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self(broadcast::Sender::new(NOTICES_MAX))
    }
}
