//! Peers that are not connected: how often and how many are dialed, and what waits for them.

use std::time::Duration;

use n0_future::{time::timeout, FuturesUnordered, StreamExt as _};

use super::common_tests::{in_time, Link, Node, Peer};
use crate::proto::state::MessageKind;

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
    let alice_topic = alice.subscribe(vec![bob.id()]).await;
    let _ = alice.join(&[&carol]).await;

    alice.knows(bob.endpoint());
    alice_topic.tx.join_peers(vec![bob.id()]).await.unwrap();
    bob_topic.neighbor_up(alice.id()).await;
}

#[tokio::test]
async fn what_waits_for_a_peer_that_does_not_answer_is_bounded() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut bob_topic = bob.join(&[]).await;
    let mut alice_topic = alice.join(&[&bob]).await;
    let silent = Peer::known_to(&alice).await;

    for _ in 0..1000 {
        let join = alice_topic.tx.join_peers(vec![silent.id()]);
        in_time(join).await.unwrap();
    }
    let incoming = silent.dialed().await;
    // Commands are taken in their order.
    alice_topic.broadcast("all asked for").await;
    assert_eq!(bob_topic.received().await, "all asked for");

    let mut answered = Link::accept(incoming).await;
    answered.join(&silent, &alice).await;
    alice_topic.neighbor_up(silent.id()).await;
    alice_topic.broadcast("behind all that waited").await;
    let mut waited = 0;
    while let MessageKind::Control = answered.received().await.unwrap().kind() {
        waited += 1;
    }
    // Some more were sent as it became a neighbor.
    assert!((60..80).contains(&waited), "{waited} messages");
}

#[tokio::test]
async fn no_more_than_32_peers_are_dialed_at_a_time() {
    let alice = Node::spawn().await;
    let mut peers = Vec::new();
    for _ in 0..36 {
        peers.push(Peer::known_to(&alice).await);
    }
    let _alice_topic = alice.subscribe(peers.iter().map(Peer::id).collect()).await;

    let mut dialed: FuturesUnordered<_> = peers.iter().map(Peer::dialed).collect();
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

    let peer = Peer::known_to(&alice).await;
    alice_topic.tx.join_peers(vec![peer.id()]).await.unwrap();
    let dial = peer.dialed().await;
    let mut link = peer.join(&alice).await;
    alice_topic.neighbor_up(peer.id()).await;

    dial.refuse();
    let lost = timeout(Duration::from_secs(1), alice_topic.neighbor_down(peer.id()));
    assert!(lost.await.is_err(), "the neighbor is lost");

    alice_topic.broadcast("to all neighbors").await;
    while let MessageKind::Control = link.received().await.unwrap().kind() {}
}
