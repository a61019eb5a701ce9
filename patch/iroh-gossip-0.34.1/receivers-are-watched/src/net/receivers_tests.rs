//! A topic is left once nobody uses it, in whatever order its two halves are dropped.
//!
//! The actor is driven by hand: what it takes next is decided here, and nothing waits.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    thread,
};

use futures_lite::stream;
use iroh::RelayMode;
use tokio::task::yield_now;

use super::*;

const TOPIC: TopicId = TopicId::from_bytes([7; 32]);

#[tokio::test]
async fn a_topic_is_left_whose_halves_are_dropped_before_its_join_is_handled() {
    let (gossip, mut actor) = gossip().await;

    drop(gossip.subscribe(TOPIC, vec![]).unwrap());
    settle(&mut actor).await;

    assert!(!actor.topics.contains_key(&TOPIC), "it is still joined");
}

#[tokio::test]
async fn a_topic_is_left_whose_receiver_is_dropped_outside_a_runtime_while_the_actor_is_busy() {
    let (gossip, mut actor) = gossip().await;
    let (sender, receiver) = gossip.subscribe(TOPIC, vec![]).unwrap().split();
    settle(&mut actor).await;

    // More than the actor's inbox holds.
    let mut others = Vec::new();
    for i in 100..101 + TO_ACTOR_CAP as u8 {
        others.push(gossip.subscribe([i; 32].into(), vec![]).unwrap());
        yield_now().await;
    }
    thread::spawn(move || drop(receiver)).join().unwrap();
    drop(sender);
    settle(&mut actor).await;

    assert!(!actor.topics.contains_key(&TOPIC), "it is still joined");
}

#[tokio::test]
async fn a_topic_is_left_with_the_second_of_its_halves() {
    let (gossip, mut actor) = gossip().await;
    for sender_first in [true, false] {
        let (sender, receiver) = gossip.subscribe(TOPIC, vec![]).unwrap().split();
        settle(&mut actor).await;

        let (first, second): (Box<dyn Send>, Box<dyn Send>) = match sender_first {
            true => (Box::new(sender), Box::new(receiver)),
            false => (Box::new(receiver), Box::new(sender)),
        };
        drop(first);
        settle(&mut actor).await;
        assert!(actor.topics.contains_key(&TOPIC), "it is left too early");

        drop(second);
        settle(&mut actor).await;
        assert!(!actor.topics.contains_key(&TOPIC), "it is still joined");
    }
}

/// Lets tasks run, and the actor take steps, until neither has anything left to do.
async fn settle(actor: &mut Actor) {
    let mut addresses = BTreeSet::new();
    for _ in 0..200 {
        yield_now().await;
        let (mut relays, mut changes) = (stream::pending(), stream::pending());
        let step = actor.event_loop(&mut addresses, &mut relays, &mut changes, 0);
        if let Some(step) = step.now_or_never() {
            step.unwrap();
        }
    }
}

async fn gossip() -> (Gossip, Actor) {
    let endpoint = Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind()
        .await
        .unwrap();
    let (actor, to_actor_tx) = Actor::new(endpoint, Default::default(), &Default::default());
    let unused = task::spawn(std::future::pending());
    let inner = Inner {
        _actor_handle: AbortOnDropHandle::new(unused),
        to_actor_tx,
        next_receiver_id: Default::default(),
        max_message_size: 4096,
    };
    let gossip = Gossip {
        inner: inner.into(),
        #[cfg(feature = "rpc")]
        rpc_handler: Default::default(),
    };
    (gossip, actor)
}
