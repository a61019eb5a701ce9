//! A connection carries any number of topics.

use super::common_tests::{in_time, Node, Subscription};
use crate::proto::TopicId;

/// More than the streams that a peer allows at a time.
const TOPICS: u8 = 120;

#[tokio::test]
async fn two_nodes_hear_each_other_in_120_topics() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut topics = Vec::new();
    for i in 0..TOPICS {
        topics.push(join_both(&alice, &bob, i).await);
    }

    for (i, (alice, _)) in topics.iter().enumerate() {
        alice.broadcast(vec![i as u8]).await;
    }
    for (i, (_, bob)) in topics.iter_mut().enumerate() {
        assert_eq!(bob.received().await, vec![i as u8]);
    }
}

#[tokio::test]
async fn a_topic_that_its_peers_left_one_after_the_other_leaves_room_for_the_next() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let _lasting = join_both(&alice, &bob, TOPICS).await;
    for i in 0..TOPICS {
        let (mut alice_topic, bob_topic) = join_both(&alice, &bob, i).await;
        drop(bob_topic);
        alice_topic.neighbor_down(bob.id()).await;
    }
}

/// Has both join a topic of their own, and waits until they are neighbors.
async fn join_both(alice: &Node, bob: &Node, topic: u8) -> (Subscription, Subscription) {
    alice.knows(bob.endpoint());
    let topic = TopicId::from_bytes([topic; 32]);
    let subscription = |topic: crate::api::GossipTopic| {
        let (tx, rx) = topic.split();
        Subscription { tx, rx }
    };
    let mut theirs = subscription(bob.gossip.subscribe(topic, vec![]).await.unwrap());
    let mut ours = subscription(alice.gossip.subscribe(topic, vec![bob.id()]).await.unwrap());
    in_time(ours.rx.joined()).await.unwrap();
    in_time(theirs.rx.joined()).await.unwrap();
    (ours, theirs)
}
