// SPDX-License-Identifier: MIT OR Apache-2.0

//! Subscriptions that end while the gossip actor has something to tell.

use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::TopicId;
use crate::engine::NewStream;
use crate::engine::gossip::ToGossipActor;
use crate::events::SystemEvent;
use crate::network::{FromNetwork, SubscriptionId, ToNetwork};

use super::engine_tests::{NETWORK, engine};
use super::{EngineActor, ToEngineActor};

#[tokio::test]
async fn what_an_overlay_said_before_it_was_left_is_not_taken_for_the_next_one() {
    let (mut engine, mut gossip_rx) = engine().await;
    let mut events = engine.events();
    let (topic, peer) = (topic(2), PrivateKey::new().public_key());
    let first = Subscribed::to(&mut engine, &topic).await;
    let unsubscribed = unsubscribe(&mut engine, first.id).await;
    assert_eq!((unsubscribed, leaves(&mut gossip_rx)), (true, 1));

    let mut second = Subscribed::to(&mut engine, &topic).await;
    for message in told_of(topic.id(), peer) {
        engine.on_actor_message(message).await.unwrap();
    }
    let stats = engine.stats().await;
    assert_eq!((stats.streams.joined, stats.streams.leaving), (0, 1));
    assert_eq!(stats.address_book.neighbours, 0);
    assert!(second.ready.try_recv().is_err());
    assert!(second.rx.try_recv().is_err());
    assert!(events.try_recv().is_err());

    let topic_id = topic.id();
    let left = ToEngineActor::GossipLeft { topic_id };
    engine.on_actor_message(left).await.unwrap();
    assert_eq!(events.try_recv(), Ok(SystemEvent::GossipLeft { topic_id }));
    for message in told_of(topic.id(), peer) {
        engine.on_actor_message(message).await.unwrap();
    }
    assert_eq!(second.ready.try_recv(), Ok(()));
    assert!(second.rx.try_recv().is_ok());
    let stats = engine.stats().await;
    assert_eq!((stats.streams.joined, stats.streams.leaving), (1, 0));
    assert_eq!(stats.address_book.neighbours, 1);
}

#[tokio::test]
async fn an_overlay_that_is_left_and_wanted_over_and_over_is_heard_after_the_last_time() {
    let (mut engine, mut gossip_rx) = engine().await;
    let topic = topic(2);
    let topic_id = topic.id();
    for _ in 0..3 {
        let subscribed = Subscribed::to(&mut engine, &topic).await;
        assert!(unsubscribe(&mut engine, subscribed.id).await);
    }
    assert_eq!(leaves(&mut gossip_rx), 3);
    let mut last = Subscribed::to(&mut engine, &topic).await;

    for _ in 0..3 {
        let peers = vec![PrivateKey::new().public_key()];
        let joined = ToEngineActor::GossipJoined { topic_id, peers };
        engine.on_actor_message(joined).await.unwrap();
        assert!(last.ready.try_recv().is_err());
        let left = ToEngineActor::GossipLeft { topic_id };
        engine.on_actor_message(left).await.unwrap();
    }
    // One too many does no harm.
    let left = ToEngineActor::GossipLeft { topic_id };
    engine.on_actor_message(left).await.unwrap();
    let peers = vec![PrivateKey::new().public_key()];
    let joined = ToEngineActor::GossipJoined { topic_id, peers };
    engine.on_actor_message(joined).await.unwrap();
    assert_eq!(last.ready.try_recv(), Ok(()));
}

#[tokio::test]
async fn a_topic_with_the_id_of_the_network_does_not_take_the_node_out_of_it() {
    let (mut engine, mut gossip_rx) = engine().await;
    let mut topic = SyncTestTopic::new("careless");
    topic.1 = NETWORK;
    let subscribed = Subscribed::to(&mut engine, &topic).await;
    assert!(unsubscribe(&mut engine, subscribed.id).await);

    assert_eq!(leaves(&mut gossip_rx), 0);
    assert_eq!(engine.stats().await.streams, Default::default());
}

struct Subscribed {
    id: SubscriptionId,
    _tx: mpsc::Sender<ToNetwork>,
    rx: mpsc::Receiver<FromNetwork>,
    ready: oneshot::Receiver<()>,
}

impl Subscribed {
    async fn to(engine: &mut EngineActor<SyncTestTopic>, topic: &SyncTestTopic) -> Self {
        let (_tx, to_network_rx) = mpsc::channel(8);
        let (from_network_tx, rx) = mpsc::channel(8);
        let (gossip_ready_tx, ready) = oneshot::channel();
        let (reply, mut id) = oneshot::channel();
        let stream = NewStream {
            topic: topic.clone(),
            to_network_rx,
            from_network_tx,
            gossip_ready_tx,
            stop: CancellationToken::new(),
        };
        let message = ToEngineActor::SubscribeWithId { stream, reply };
        engine.on_actor_message(message).await.unwrap();
        let id = id.try_recv().unwrap();
        Self { id, _tx, rx, ready }
    }
}

async fn unsubscribe(engine: &mut EngineActor<SyncTestTopic>, id: SubscriptionId) -> bool {
    let (reply, mut is_known) = oneshot::channel();
    let message = ToEngineActor::Unsubscribe { id, reply };
    engine.on_actor_message(message).await.unwrap();
    is_known.try_recv().unwrap()
}

fn told_of(topic_id: [u8; 32], peer: PublicKey) -> [ToEngineActor<SyncTestTopic>; 4] {
    let peers = vec![peer];
    let bytes = b"hello".to_vec();
    [
        ToEngineActor::GossipJoined { topic_id, peers },
        ToEngineActor::GossipNeighborDown { topic_id, peer },
        ToEngineActor::GossipNeighborUp { topic_id, peer },
        ToEngineActor::GossipMessage {
            bytes,
            delivered_from: peer,
            topic_id,
        },
    ]
}

fn leaves(gossip_rx: &mut mpsc::Receiver<ToGossipActor>) -> usize {
    std::iter::from_fn(|| gossip_rx.try_recv().ok())
        .filter(|message| matches!(message, ToGossipActor::Leave { .. }))
        .count()
}

fn topic(id: u8) -> SyncTestTopic {
    let mut topic = SyncTestTopic::new("chat");
    topic.1 = [id; 32];
    topic
}
