//! A topic that lost its last neighbor with its connection finds it again.

mod common;
#[path = "common/listener.rs"]
mod listener;

use std::time::Duration;

use iroh_gossip::{net::GossipEvent, proto::state::MessageKind};
use n0_future::time::timeout;

use self::{
    common::{in_time, Node, Subscription},
    listener::{Listener, Stream},
};

#[tokio::test]
async fn a_neighbor_that_takes_no_more_messages_is_disconnected_and_dialed_again() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let neighbor = Listener::known_to(&alice).await;
    let neighbors = vec![neighbor.id()];
    alice_topic.tx.join_peers(neighbors).await.unwrap();
    let mut stream = join(&alice, &mut alice_topic, &neighbor).await;

    // Only this half is dead: keep-alives hold the connection.
    stream.recv.stop(0u32.into()).unwrap();
    let closed = async {
        while timeout(Duration::from_millis(50), stream.conn.closed())
            .await
            .is_err()
        {
            alice_topic.broadcast("anybody there?").await;
        }
    };
    in_time(closed).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborDown(neighbor.id()))
        .await;

    // Nobody asks for it, and an attempt that fails is not the last.
    neighbor.dialed().await.refuse();
    let mut stream = join(&alice, &mut alice_topic, &neighbor).await;
    alice_topic.broadcast("welcome back").await;
    while let MessageKind::Control = stream.received().await.kind() {}
}

/// Answers the node that dials, and waits until it has the peer as a neighbor.
async fn join(node: &Node, topic: &mut Subscription, peer: &Listener) -> Stream {
    let mut stream = Stream::accept(peer.dialed().await).await;
    stream.join(peer, node).await;
    topic
        .wait_for(|event| match event {
            GossipEvent::Joined(peers) => peers.contains(&peer.id()),
            event => *event == GossipEvent::NeighborUp(peer.id()),
        })
        .await;
    stream
}
