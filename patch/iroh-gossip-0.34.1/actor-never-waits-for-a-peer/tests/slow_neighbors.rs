//! A neighbor that does not take what is sent to it holds up nobody else.

mod common;
#[path = "common/peer.rs"]
mod peer;

use std::collections::BTreeSet;

use bytes::Bytes;
use iroh_gossip::net::GossipEvent;

use self::{
    common::{in_time, Node},
    peer::Peer,
};

/// More than the window of a stream and a queue hold together.
const MESSAGES: u32 = 1000;

#[tokio::test]
async fn a_neighbor_that_reads_nothing_is_disconnected_and_the_others_get_every_message() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut alice_topic = alice.join(&[]).await;
    let mut bob_topic = bob.join(&[&alice]).await;

    let silent = Peer::join(&alice).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborUp(silent.id()))
        .await;

    for i in 0..MESSAGES {
        alice_topic.broadcast(content(i)).await;
    }
    for i in 0..MESSAGES {
        assert_eq!(bob_topic.received().await, content(i));
    }
    in_time(silent.conn.closed()).await;
}

#[tokio::test]
async fn a_neighbor_forwards_more_than_its_queue_holds() {
    let [alice, bob, carol] = [
        Node::spawn().await,
        Node::spawn().await,
        Node::spawn().await,
    ];
    let _bob_topic = bob.join(&[]).await;
    let mut carol_topic = carol.join(&[&bob]).await;
    let alice_topic = alice.join(&[&bob]).await;

    let publisher = tokio::spawn(async move {
        for i in 0..MESSAGES {
            alice_topic.broadcast(content(i)).await;
        }
        alice_topic
    });
    // In any order, as some may come from Alice herself once the two have met.
    let mut missing: BTreeSet<_> = (0..MESSAGES).map(content).collect();
    while !missing.is_empty() {
        missing.remove(&carol_topic.received().await);
    }
    drop(publisher.await);
}

/// 3500 bytes that are different for each message.
fn content(i: u32) -> Bytes {
    i.to_be_bytes().repeat(875).into()
}
