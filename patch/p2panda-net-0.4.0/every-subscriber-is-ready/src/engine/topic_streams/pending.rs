// SPDX-License-Identifier: MIT OR Apache-2.0

//! Overlays that are yet to be joined, and the subscribers who wait to hear of it.

use std::collections::HashMap;

use p2panda_sync::TopicQuery;
use tokio::sync::oneshot;

use crate::TopicId;

use super::TopicStreams;

/// The overlays, by topic id. After a reset there is one to rejoin that nobody waits for.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<[u8; 32], Vec<oneshot::Sender<()>>>);

impl Pending {
    /// Enters an overlay, if it is not.
    pub fn insert(&mut self, topic_id: [u8; 32]) {
        self.0.entry(topic_id).or_default();
    }

    /// Takes an overlay out that is pending, and those who wait for it.
    pub fn remove(&mut self, topic_id: [u8; 32]) -> Option<Vec<oneshot::Sender<()>>> {
        self.0.remove(&topic_id)
    }

    pub fn topic_ids(&self) -> impl Iterator<Item = [u8; 32]> {
        self.0.keys().copied()
    }

    /// Drops those who have lost interest: their other half is gone.
    pub fn forget_gone(&mut self) {
        for waiting in self.0.values_mut() {
            waiting.retain(|ready_tx| !ready_tx.is_closed());
        }
    }

    fn wait(&mut self, topic_id: [u8; 32], ready_tx: oneshot::Sender<()>) {
        self.0.entry(topic_id).or_default().push(ready_tx);
    }
}

impl<T> TopicStreams<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Tells a subscriber once the overlay is joined, which may be now.
    pub(super) async fn tell_when_joined(
        &mut self,
        topic_id: [u8; 32],
        ready_tx: oneshot::Sender<()>,
    ) {
        if self.has_joined_gossip(topic_id).await {
            ready_tx.send(()).ok();
        } else {
            self.gossip_pending.wait(topic_id, ready_tx);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::Pending;

    const CHAT: [u8; 32] = [2; 32];

    #[test]
    fn who_has_lost_interest_leaves_nothing_and_the_overlay_stays_pending() {
        let mut pending = Pending::default();
        for _ in 0..100 {
            pending.wait(CHAT, oneshot::channel().0);
        }
        let (ready_tx, _ready_rx) = oneshot::channel();
        pending.wait(CHAT, ready_tx);

        pending.forget_gone();
        assert_eq!(pending.remove(CHAT).map(|waiting| waiting.len()), Some(1));
        assert!(pending.remove(CHAT).is_none());
    }
}
