//! A neighbor that does not take what is sent to it holds up nobody else.

use bytes::Bytes;

use super::common_tests::{Node, Peer};

/// More than the window of a stream and a queue hold together.
const MESSAGES: u32 = 1000;

#[tokio::test]
async fn a_neighbor_that_reads_nothing_is_disconnected_and_the_others_get_every_message() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut alice_topic = alice.join(&[]).await;
    let mut bob_topic = bob.join(&[&alice]).await;

    let silent = Peer::bind().await;
    let link = silent.join(&alice).await;
    alice_topic.neighbor_up(silent.id()).await;

    for i in 0..MESSAGES {
        alice_topic.broadcast(content(i)).await;
    }
    for i in 0..MESSAGES {
        assert_eq!(bob_topic.received().await, content(i));
    }
    link.closed().await;
}

#[tokio::test]
async fn a_broadcast_that_no_frame_can_hold_leaves_the_connection() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut bob_topic = bob.join(&[]).await;
    let alice_topic = alice.join(&[&bob]).await;

    alice_topic.broadcast(vec![0; 5000]).await;
    alice_topic.broadcast("later").await;
    assert_eq!(bob_topic.received().await, "later");
}

#[tokio::test]
async fn the_largest_broadcast_that_a_frame_can_hold_is_delivered() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut bob_topic = bob.join(&[]).await;
    let alice_topic = alice.join(&[&bob]).await;

    // What stands beside the content: kind, id, its length, scope and hops.
    let largest = vec![7; 4095 - 2 - 32 - 2 - 2];
    alice_topic.broadcast(largest.clone()).await;
    assert_eq!(bob_topic.received().await, largest);
}

/// 3500 bytes that are different for each message.
fn content(i: u32) -> Bytes {
    i.to_be_bytes().repeat(875).into()
}
