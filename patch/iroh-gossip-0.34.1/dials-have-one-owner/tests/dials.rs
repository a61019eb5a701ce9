//! Peers that are not connected: how often and how many are dialed, and what waits for them.

mod common;
#[path = "common/listener.rs"]
mod listener;

use std::time::Duration;

use iroh_gossip::{net::GossipEvent, proto::state::MessageKind};
use n0_future::{time::timeout, FuturesUnordered, StreamExt as _};

use self::{
    common::{in_time, Node, Subscription, TOPIC},
    listener::{Listener, Stream},
};

#[tokio::test]
async fn a_peer_that_could_not_be_dialed_is_dialed_again_for_what_comes_later() {
    let [alice, bob, carol] = [
        Node::spawn().await,
        Node::spawn().await,
        Node::spawn().await,
    ];
    let mut bob_topic = bob.join(&[]).await;
    let _carol_topic = carol.join(&[]).await;

    // The dial to an unknown address fails at once, and so before another one succeeds.
    let alice_topic = subscribe(&alice, vec![bob.id()]);
    let _ = alice.join(&[&carol]).await;

    alice.endpoint().add_node_addr(bob.addr().await).unwrap();
    alice_topic.tx.join_peers(vec![bob.id()]).await.unwrap();
    bob_topic
        .wait_for(|event| *event == GossipEvent::Joined(vec![alice.id()]))
        .await;
}

#[tokio::test]
async fn what_waits_for_a_peer_that_does_not_answer_is_bounded() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut bob_topic = bob.join(&[]).await;
    let mut alice_topic = alice.join(&[&bob]).await;
    let silent = Listener::known_to(&alice).await;

    for _ in 0..1000 {
        let join = alice_topic.tx.join_peers(vec![silent.id()]);
        in_time(join).await.unwrap();
    }
    let incoming = silent.dialed().await;
    // Commands are taken in their order.
    alice_topic.broadcast("all asked for").await;
    assert_eq!(bob_topic.received().await, "all asked for");

    let mut answered = Stream::accept(incoming).await;
    answered.join(&silent, &alice).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborUp(silent.id()))
        .await;
    alice_topic.broadcast("behind all that waited").await;
    let mut waited = 0;
    while let MessageKind::Control = answered.received().await.kind() {
        waited += 1;
    }
    // Some more were sent as it became a neighbor.
    assert!((60..80).contains(&waited), "{waited} messages");
}

#[tokio::test]
async fn what_waited_for_a_dial_that_failed_dials_no_more() {
    let alice = Node::spawn().await;
    let refusing = Listener::known_to(&alice).await;
    let alice_topic = subscribe(&alice, vec![refusing.id()]);

    refusing.dialed().await.refuse();
    // The pause after the first dial that fails takes one second.
    let again = timeout(Duration::from_secs(3), refusing.dialed()).await;
    assert!(again.is_err(), "dialed again, though nobody asked for it");

    let neighbors = vec![refusing.id()];
    alice_topic.tx.join_peers(neighbors).await.unwrap();
    refusing.dialed().await.refuse();
}

#[tokio::test]
async fn no_more_than_32_peers_are_dialed_at_a_time() {
    let alice = Node::spawn().await;
    let mut listeners = Vec::new();
    for _ in 0..36 {
        listeners.push(Listener::known_to(&alice).await);
    }
    let peers = listeners.iter().map(Listener::id).collect();
    let _alice_topic = subscribe(&alice, peers);

    let mut dialed: FuturesUnordered<_> = listeners.iter().map(Listener::dialed).collect();
    let mut dials = Vec::new();
    for _ in 0..32 {
        dials.push(dialed.next().await.unwrap());
    }
    // A dial takes milliseconds to get there, so this would see one more.
    let one_more = timeout(Duration::from_secs(2), dialed.next()).await;
    assert!(one_more.is_err(), "33 peers are dialed");

    dials.pop().unwrap().refuse();
    dialed.next().await.unwrap();
}

/// A trap for whoever tells the protocol of dials that failed.
#[tokio::test]
async fn a_dial_that_fails_leaves_the_connection_that_the_peer_opened_meanwhile() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let _bob_topic = bob.join(&[]).await;
    let mut alice_topic = alice.join(&[&bob]).await;

    let peer = Listener::known_to(&alice).await;
    alice_topic.tx.join_peers(vec![peer.id()]).await.unwrap();
    let dial = peer.dialed().await;
    let conn = common::connect(&peer.endpoint, &alice).await;
    let (send, recv) = conn.open_bi().await.unwrap();
    let mut dialing = Stream::over(conn, send, recv);
    dialing.join(&peer, &alice).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborUp(peer.id()))
        .await;

    dial.refuse();
    let lost = alice_topic.wait_for(|event| *event == GossipEvent::NeighborDown(peer.id()));
    let lost = timeout(Duration::from_secs(1), lost).await;
    assert!(lost.is_err(), "the neighbor is lost");

    alice_topic.broadcast("to all neighbors").await;
    while let MessageKind::Control = dialing.received().await.kind() {}
}

/// Subscribes without waiting for a neighbor.
fn subscribe(node: &Node, peers: Vec<iroh::NodeId>) -> Subscription {
    let (tx, rx) = node.gossip.subscribe(TOPIC, peers).unwrap().split();
    Subscription { tx, rx }
}
