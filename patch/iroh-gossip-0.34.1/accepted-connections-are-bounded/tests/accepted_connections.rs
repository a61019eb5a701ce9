//! Connections that a peer opens: how many, for how long, and which of them is used.

mod common;
#[path = "common/listener.rs"]
mod listener;

use bytes::BytesMut;
use iroh_gossip::{
    net::{util::read_message, GossipEvent},
    proto::state::MessageKind,
};

use self::{
    common::{connect, endpoint, in_time, Node, Subscription},
    listener::{Listener, Stream},
};

#[tokio::test]
async fn a_peer_that_connects_and_says_nothing_is_disconnected() {
    let alice = Node::spawn().await;
    let silent = endpoint().await;
    let conn = connect(&silent, &alice).await;

    in_time(conn.closed()).await;
}

#[tokio::test]
async fn a_peer_that_speaks_of_a_topic_that_nobody_joined_is_disconnected() {
    let alice = Node::spawn().await;
    let stranger = Listener::known_to(&alice).await;
    let mut stream = open(&stranger, &alice).await;
    stream.join(&stranger, &alice).await;

    in_time(stream.conn.closed()).await;
}

#[tokio::test]
async fn a_fifth_connection_of_a_peer_closes_its_first() {
    let alice = Node::spawn().await;
    let peer = endpoint().await;
    let mut conns = Vec::new();
    for _ in 0..5 {
        conns.push(connect(&peer, &alice).await);
    }

    in_time(conns[0].closed()).await;
    let open = conns.iter().filter(|conn| conn.close_reason().is_none());
    assert_eq!(open.count(), 4);
}

#[tokio::test]
async fn messages_go_on_where_they_went_after_the_peer_opened_a_connection_and_did_not_use_it() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let peer = Listener::known_to(&alice).await;
    let mut stream = join(&alice, &mut alice_topic, &peer).await;

    let _unused = connect(&peer.endpoint, &alice).await;
    // There is no sign by which to wait until the node has it.
    for _ in 0..20 {
        alice_topic.broadcast("to all neighbors").await;
        next_data(&mut stream).await;
    }
}

#[tokio::test]
async fn a_connection_that_the_peer_uses_replaces_the_one_it_opened_before() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let peer = Listener::known_to(&alice).await;
    let mut old = join(&alice, &mut alice_topic, &peer).await;

    let mut new = open(&peer, &alice).await;
    new.join(&peer, &alice).await;

    // The node says that it sends nothing more.
    let mut buffer = BytesMut::new();
    while in_time(read_message(&mut old.recv, &mut buffer, 4096))
        .await
        .unwrap()
        .is_some()
    {}
    old.send.finish().unwrap();
    in_time(old.conn.closed()).await;
    alice_topic.broadcast("to the same neighbor").await;
    next_data(&mut new).await;
    assert_eq!(alice_topic.rx.neighbors().collect::<Vec<_>>(), [peer.id()]);
}

/// Connects to a node and opens a stream, which the node sees once something is sent.
async fn open(peer: &Listener, node: &Node) -> Stream {
    let conn = connect(&peer.endpoint, node).await;
    let (send, recv) = conn.open_bi().await.unwrap();
    Stream::over(conn, send, recv)
}

/// Makes the peer a neighbor of the node.
async fn join(node: &Node, topic: &mut Subscription, peer: &Listener) -> Stream {
    let mut stream = open(peer, node).await;
    stream.join(peer, node).await;
    topic
        .wait_for(|event| *event == GossipEvent::Joined(vec![peer.id()]))
        .await;
    stream
}

/// Waits for the next message with content.
async fn next_data(stream: &mut Stream) {
    while let MessageKind::Control = stream.received().await.kind() {}
}
