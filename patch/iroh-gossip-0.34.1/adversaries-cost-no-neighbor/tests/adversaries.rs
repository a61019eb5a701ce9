//! What peers that do not keep to the protocol do over real connections leaves honest neighbors their messages.

mod common;
#[path = "common/peer.rs"]
mod peer;

use std::cell::Cell;

use iroh::{NodeId, SecretKey};
use iroh_gossip::net::GossipEvent;

use self::{
    common::{connect, endpoint, in_time, Node, Subscription, TOPIC},
    peer::Peer,
};

#[tokio::test]
async fn a_hundred_peers_with_fresh_keys_that_connect_and_leave_cost_no_neighbor() {
    let mut honest = Honest::met().await;
    for _ in 0..100 {
        let stranger = endpoint().await;
        let conn = connect(&stranger, &honest.alice).await;
        conn.close(0u32.into(), b"bye");
    }
    honest.are_still_neighbors().await;
}

#[tokio::test]
async fn a_peer_that_joins_and_leaves_200_times_in_a_row_costs_no_neighbor() {
    let mut honest = Honest::met().await;
    let hasty = Node::spawn().await;
    for _ in 0..200 {
        drop(hasty.join(&[&honest.alice]).await);
    }
    honest.are_still_neighbors().await;
}

#[tokio::test]
async fn shuffles_of_invented_peers_cost_no_neighbor() {
    let mut honest = Honest::met().await;
    let mut liar = Peer::join(&honest.alice).await;
    for _ in 0..50 {
        let mut shuffle = frame(&[0, 2]);
        shuffle.extend(liar.id().as_bytes());
        shuffle.push(8);
        for _ in 0..8 {
            shuffle.extend(invented().as_bytes());
            shuffle.push(0);
        }
        shuffle.push(1);
        send(&mut liar, shuffle).await;
    }
    honest.are_still_neighbors().await;
}

#[tokio::test]
async fn announcements_of_100_000_messages_that_do_not_exist_cost_no_neighbor() {
    let mut honest = Honest::met().await;
    let mut liar = Peer::join(&honest.alice).await;
    for _ in 0..1000 {
        let mut ihave = frame(&[1, 3]);
        ihave.push(100);
        for _ in 0..100 {
            ihave.extend(rand::random::<[u8; 32]>());
            ihave.push(1);
        }
        send(&mut liar, ihave).await;
    }
    honest.are_still_neighbors().await;
}

/// Two nodes that keep to the protocol.
struct Honest {
    alice: Node,
    bob: Node,
    alice_topic: Subscription,
    bob_topic: Subscription,
}

impl Honest {
    async fn met() -> Self {
        let (alice, bob) = (Node::spawn().await, Node::spawn().await);
        let alice_topic = alice.join(&[]).await;
        let bob_topic = bob.join(&[&alice]).await;
        Self {
            alice,
            bob,
            alice_topic,
            bob_topic,
        }
    }

    /// Both hear each other, and Alice has not lost Bob meanwhile.
    async fn are_still_neighbors(&mut self) {
        self.alice_topic.broadcast("from Alice").await;
        assert_eq!(self.bob_topic.received().await, "from Alice");
        self.bob_topic.broadcast("from Bob").await;
        let (bob, lost) = (self.bob.id(), Cell::new(false));
        let heard = self.alice_topic.wait_for(|event| match event {
            GossipEvent::NeighborDown(peer) => {
                lost.set(lost.get() || *peer == bob);
                false
            }
            GossipEvent::Received(message) => message.content == "from Bob",
            _ => false,
        });
        heard.await;
        assert!(!lost.get(), "Alice has lost Bob");
    }
}

/// The first bytes of a frame: the topic, and which kind of message it is.
fn frame(kind: &[u8; 2]) -> Vec<u8> {
    [TOPIC.as_bytes(), &kind[..]].concat()
}

/// Writes a frame with its length before it.
async fn send(peer: &mut Peer, frame: Vec<u8>) {
    let length = (frame.len() as u32).to_be_bytes();
    let frame = [&length[..], &frame].concat();
    in_time(peer.send.write_all(&frame)).await.unwrap();
}

fn invented() -> NodeId {
    SecretKey::generate(rand::thread_rng()).public()
}
