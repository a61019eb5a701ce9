//! A topic that lost its last neighbor with its connection finds it again.

use n0_future::time::{timeout, Duration};

use super::common_tests::{in_time, Link, Node, Peer, Subscription};
use crate::proto::state::MessageKind;

#[tokio::test]
async fn a_neighbor_that_takes_no_more_messages_is_disconnected_and_dialed_again() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let neighbor = Peer::known_to(&alice).await;
    let neighbors = vec![neighbor.id()];
    alice_topic.tx.join_peers(neighbors).await.unwrap();
    let mut link = join(&alice, &mut alice_topic, &neighbor).await;

    // Only this half is dead: keep-alives hold the connection.
    link.stop_receiving().await;
    let closed = async {
        while timeout(Duration::from_millis(50), link.conn.closed())
            .await
            .is_err()
        {
            alice_topic.broadcast("anybody there?").await;
        }
    };
    in_time(closed).await;
    alice_topic.neighbor_down(neighbor.id()).await;

    // Nobody asks for it, and an attempt that fails is not the last.
    neighbor.dialed().await.refuse();
    let mut link = join(&alice, &mut alice_topic, &neighbor).await;
    alice_topic.broadcast("welcome back").await;
    while let MessageKind::Control = link.received().await.unwrap().kind() {}
}

/// Answers the node that dials, and waits until it has the peer as a neighbor.
async fn join(node: &Node, topic: &mut Subscription, peer: &Peer) -> Link {
    let mut link = Link::accept(peer.dialed().await).await;
    link.join(peer, node).await;
    topic.neighbor_up(peer.id()).await;
    link
}
