// SPDX-License-Identifier: MIT OR Apache-2.0

//! Gossip of a peer with whom a session is running: held back within bounds, and never lost.

use std::time::Duration;

use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};

use crate::TopicId;
use crate::engine::AddressBook;
use crate::network::FromNetwork;

use super::TopicStreams;

const KIB: usize = 1024;

#[tokio::test]
async fn a_flood_during_a_session_is_delivered_early_in_order_and_without_loss() {
    let mut setup = setup().await;
    let peer = setup.locked_peer();
    for number in 0..300 {
        setup.gossip(peer, message(number, 1)).await;
    }
    let early = setup.received();
    assert_eq!(early, (0..300).map(|it| message(it, 1)).collect::<Vec<_>>());

    // Who passes is not held back by another session, and has left nothing behind.
    setup.locks(peer);
    setup.gossip(peer, message(300, 1)).await;
    assert_eq!(setup.received(), [message(300, 1)]);
    setup.ends(peer).await;
    setup.ends(peer).await;
    assert_eq!(setup.received(), Vec::<Vec<u8>>::new());

    // The next session finds it as the first did.
    setup.locks(peer);
    setup.gossip(peer, message(301, 1)).await;
    assert_eq!(setup.received(), Vec::<Vec<u8>>::new());
    setup.ends(peer).await;
    assert_eq!(setup.received(), [message(301, 1)]);
}

#[tokio::test]
async fn large_messages_are_delivered_before_they_are_as_many() {
    let mut setup = setup().await;
    let peer = setup.locked_peer();
    for number in 0..2 {
        setup.gossip(peer, message(number, 512 * KIB)).await;
    }
    assert_eq!(setup.received(), Vec::<Vec<u8>>::new());

    setup.gossip(peer, message(2, 512 * KIB)).await;
    assert_eq!(setup.received().len(), 3);
}

#[tokio::test]
async fn all_peers_together_hold_back_no_more_than_their_bound() {
    let mut setup = setup().await;
    let peers = [(); 20].map(|()| setup.locked_peer());
    for peer in peers {
        setup.gossip(peer, message(0, 1000 * KIB)).await;
        assert!(setup.streams.gossip_buffer_stats().bytes <= 8 * 1024 * KIB);
    }
    assert_eq!(setup.received().len(), 12);

    for peer in peers {
        setup.ends(peer).await;
    }
    assert_eq!(setup.received().len(), 8);
    assert_eq!(setup.streams.gossip_buffer_stats().bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_does_not_wait_behind_a_session_of_more_than_a_minute() {
    let mut setup = setup().await;
    let peer = setup.locked_peer();
    setup.gossip(peer, message(0, 1)).await;
    tokio::time::advance(Duration::from_secs(59)).await;
    setup.gossip(peer, message(1, 1)).await;
    assert_eq!(setup.received(), Vec::<Vec<u8>>::new());

    tokio::time::advance(Duration::from_secs(1)).await;
    setup.gossip(peer, message(2, 1)).await;
    assert_eq!(setup.received(), [0, 1, 2].map(|it| message(it, 1)));
}

#[tokio::test]
async fn a_session_that_fails_delivers_what_it_has_held_back() {
    let mut setup = setup().await;
    let peer = setup.locked_peer();
    setup.gossip(peer, message(0, 1)).await;
    let topic = Some(setup.topic.clone());
    setup.streams.on_sync_failed(topic, peer).await.unwrap();
    assert_eq!(setup.received(), [message(0, 1)]);
}

#[tokio::test]
async fn a_session_that_ends_after_its_overlay_was_left_delivers_what_it_has_held_back() {
    let mut setup = setup().await;
    let peer = setup.locked_peer();
    setup.gossip(peer, message(0, 1)).await;
    setup.streams.move_joined_to_pending().await;
    setup.ends(peer).await;
    assert_eq!(setup.received(), [message(0, 1)]);
}

/// Topic streams with one subscriber to a topic whose overlay is joined.
pub(super) struct Setup {
    pub(super) streams: TopicStreams<SyncTestTopic>,
    topic: SyncTestTopic,
    from_network: mpsc::Receiver<FromNetwork>,
}

pub(super) async fn setup() -> Setup {
    let topic = SyncTestTopic::new("chat");
    // Neither has anything to do with gossip that arrives.
    let (gossip_tx, _gossip_rx) = mpsc::channel(1);
    let (_to_network_tx, to_network) = mpsc::channel(1);
    let (from_network_tx, from_network) = mpsc::channel(512);
    let mut streams = TopicStreams::new(gossip_tx, AddressBook::new([1; 32]), None);
    let (ready_tx, _ready) = oneshot::channel();
    let subscribed = streams.subscribe(topic.clone(), from_network_tx, to_network, ready_tx);
    subscribed.await.unwrap();
    streams.on_gossip_joined(topic.id()).await;
    Setup {
        streams,
        topic,
        from_network,
    }
}

impl Setup {
    pub(super) fn locked_peer(&mut self) -> PublicKey {
        let peer = PrivateKey::new().public_key();
        self.locks(peer);
        peer
    }

    fn locks(&mut self, peer: PublicKey) {
        let topic = self.topic.clone();
        self.streams.on_sync_handshake_success(topic, peer);
    }

    async fn ends(&mut self, peer: PublicKey) {
        let topic = self.topic.clone();
        self.streams.on_sync_done(topic, peer).await.unwrap();
    }

    pub(super) async fn gossip(&mut self, peer: PublicKey, bytes: Vec<u8>) {
        let topic_id = self.topic.id();
        let message = self.streams.on_gossip_message(topic_id, bytes, peer);
        message.await.unwrap();
    }

    pub(super) fn received(&mut self) -> Vec<Vec<u8>> {
        let received = std::iter::from_fn(|| self.from_network.try_recv().ok());
        let bytes = received.map(|event| match event {
            FromNetwork::GossipMessage { bytes, .. } => bytes,
            event => panic!("nobody has synced {event:?}"),
        });
        bytes.collect()
    }
}

pub(super) fn message(number: usize, len: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(len.max(bytes.len()), 0);
    bytes
}
