// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeping less of what streams need, under memory pressure.

use p2panda_sync::TopicQuery;

use crate::TopicId;

use super::TopicStreams;

impl<T> TopicStreams<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Drops what nobody waits for any more, and returns how many messages that was: those in front
    /// of receivers that were dropped. Gives back spare room.
    ///
    /// What an application may still read stays, and so does what a running session holds back.
    pub async fn shrink(&mut self) -> usize {
        let mut unread = 0;
        for (_, receiving) in self.subscribed.values_mut() {
            if let Some(outlet) = receiving.take_if(|outlet| outlet.is_closed())
                && let Some(waiting) = outlet.waiting()
            {
                unread += waiting.gossip().0 + waiting.synced().0;
            }
        }
        self.gossip_pending.forget_gone();
        self.gossip_pending.shrink_to_fit();
        self.gossip_joined.write().await.shrink_to_fit();
        self.gossip_buffer.cleanup_all_empty();
        self.gossip_buffer.shrink_to_fit();
        self.leaving.shrink_to_fit();
        self.subscribed.shrink_to_fit();
        self.topic_id_to_stream.shrink_to_fit();
        self.topic_to_stream.shrink_to_fit();
        unread
    }
}

#[cfg(test)]
mod tests {
    use p2panda_core::PrivateKey;
    use p2panda_sync::test_protocols::SyncTestTopic;
    use tokio::sync::{mpsc, oneshot};

    use crate::TopicId;
    use crate::engine::AddressBook;

    use super::TopicStreams;

    #[tokio::test(start_paused = true)]
    async fn what_a_dropped_receiver_left_goes_and_what_waits_for_others_stays() {
        let topic = SyncTestTopic::new("chat");
        let (gossip_tx, _gossip_rx) = mpsc::channel(8);
        let mut streams = TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None);
        let mut halves = Vec::new();
        for _ in 0..2 {
            let (from_tx, from_rx) = mpsc::channel(1);
            let (to_tx, to_rx) = mpsc::channel(1);
            let ready = oneshot::channel().0;
            let subscribed = streams.subscribe(topic.clone(), from_tx, to_rx, ready);
            subscribed.await.unwrap();
            halves.push((to_tx, from_rx));
        }
        streams.on_gossip_joined(topic.id()).await;
        let peer = PrivateKey::new().public_key();
        for number in 0..10 {
            let message = streams.on_gossip_message(topic.id(), vec![number], peer);
            message.await.unwrap();
        }

        drop(halves.pop().unwrap().1);
        assert_eq!(streams.shrink().await, 9);
        assert_eq!(streams.shrink().await, 0);
        assert_eq!(streams.delivery_stats().waiting_gossip, 9);
        let rx = &mut halves[0].1;
        for _ in 0..10 {
            assert!(rx.recv().await.is_some());
        }
    }
}
