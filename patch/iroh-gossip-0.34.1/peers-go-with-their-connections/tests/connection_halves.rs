//! A connection of which one half has ended ends, and its peer can be reached again.

mod common;
#[path = "common/listener.rs"]
mod listener;
#[path = "common/peer.rs"]
mod peer;

use std::time::Duration;

use bytes::BytesMut;
use iroh_gossip::net::{util::read_message, GossipEvent};
use n0_future::time::timeout;

use self::{
    common::{connect, in_time, Node},
    listener::Listener,
    peer::Peer,
};

#[tokio::test]
async fn a_neighbor_that_sends_no_more_messages_is_disconnected() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let mut neighbor = Peer::join(&alice).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::Joined(vec![neighbor.id()]))
        .await;

    neighbor.send.finish().unwrap();

    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborDown(neighbor.id()))
        .await;
    in_time(neighbor.conn.closed()).await;
}

#[tokio::test]
async fn a_peer_that_holds_its_half_open_gets_the_last_frame_and_is_closed_after_a_grace() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let mut neighbor = Peer::join(&alice).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::Joined(vec![neighbor.id()]))
        .await;

    drop(alice_topic);

    let mut frames = 0;
    let mut buffer = BytesMut::new();
    while in_time(read_message(&mut neighbor.recv, &mut buffer, 4096))
        .await
        .unwrap()
        .is_some()
    {
        frames += 1;
    }
    assert_eq!(
        frames, 2,
        "one as it became a neighbor, and one as that was over"
    );
    in_time(neighbor.conn.closed()).await;
}

#[tokio::test]
async fn a_stranger_that_left_is_dialed_when_it_is_to_be_joined() {
    let alice = Node::spawn().await;
    let alice_topic = alice.join(&[]).await;
    let stranger = Listener::known_to(&alice).await;
    let conn = connect(&stranger.endpoint, &alice).await;
    conn.close(0u32.into(), b"bye");

    let dialed = async {
        // The first of them may come before the node hears that the stranger left.
        while timeout(Duration::from_millis(50), stranger.endpoint.accept())
            .await
            .is_err()
        {
            alice_topic
                .tx
                .join_peers(vec![stranger.id()])
                .await
                .unwrap();
        }
    };
    in_time(dialed).await;
}
