// SPDX-License-Identifier: MIT OR Apache-2.0

//! The gossip actor while the engine does not listen.

use tokio::time::timeout;

use crate::engine::ToEngineActor;

use super::ToGossipActor;
use super::gossip_tests::{Actor, Node, PATIENCE, TOPIC};

/// More than the engine's inbox holds, and than the gossip actor's.
const MESSAGES: u8 = 200;

#[tokio::test]
async fn the_gossip_actor_reads_its_inbox_while_the_engine_does_not_listen() {
    let mut actor = Actor::start(true).await;
    actor.join(&[]).await;
    let theirs = Node::start().await;
    let (their_tx, mut their_rx) = theirs.subscribe(&actor.node).await;
    assert_eq!(actor.joined().await, Some(vec![theirs.public_key()]));
    timeout(PATIENCE, their_rx.joined()).await.unwrap().unwrap();
    for number in 0..MESSAGES {
        their_tx.broadcast(vec![number].into()).await.unwrap();
    }
    let inbox_of_engine_is_full = async {
        while actor.engine.capacity() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, inbox_of_engine_is_full).await.unwrap();

    let asked = timeout(PATIENCE, async {
        for number in 0..MESSAGES {
            let (topic_id, bytes) = (TOPIC, vec![number, 0]);
            let message = ToGossipActor::Broadcast { topic_id, bytes };
            actor.send(message).await;
        }
    });
    assert!(
        asked.await.is_ok(),
        "it waits for the engine, and the engine for it"
    );

    // Nothing is lost by that.
    let mut heard = Vec::new();
    while heard.len() < MESSAGES.into() {
        match timeout(PATIENCE, actor.engine.recv()).await {
            Ok(Some(ToEngineActor::GossipMessage { bytes, .. })) => heard.extend(bytes),
            other => panic!("expected a message after {}, got {other:?}", heard.len()),
        }
    }
    assert!(heard.iter().copied().eq(0..MESSAGES));
}
