//! What a running node tells of itself.

mod common;

use std::time::Duration;

use iroh::SecretKey;
use iroh_gossip::net::NodeSizes;
use tokio::time::sleep;

use self::common::{in_time, Node};

#[tokio::test]
async fn a_node_tells_of_its_connections_dials_and_messages() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    assert_eq!(alice.gossip.sizes().await.unwrap(), NodeSizes::default());

    let mut alice_topic = alice.join(&[]).await;
    let bob_topic = bob.join(&[&alice]).await;
    bob_topic.broadcast("hello").await;
    alice_topic.received().await;
    let sizes = alice.gossip.sizes().await.unwrap();
    assert_eq!((sizes.protocol.topics, sizes.subscribed_topics), (1, 1));
    assert_eq!((sizes.protocol.payloads, sizes.dials), (1, 0));
    assert_eq!((sizes.connected_peers, sizes.connections), (1, 1));

    let nobody = SecretKey::generate(rand::thread_rng()).public();
    alice_topic.tx.join_peers(vec![nobody]).await.unwrap();
    in_time(async {
        loop {
            let sizes = alice.gossip.sizes().await.unwrap();
            // It has no address, so the dial may have failed already.
            if sizes.dials == 1 {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_that_keeps_less_stays_connected_and_delivers() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut alice_topic = alice.join(&[]).await;
    let bob_topic = bob.join(&[&alice]).await;
    for message in ["one", "two"] {
        bob_topic.broadcast(message).await;
        assert_eq!(alice_topic.received().await, message);
        // What has just come may be asked for.
        let shrunk = alice.gossip.shrink().await.unwrap();
        assert_eq!((shrunk.payloads, shrunk.message_ids), (0, 0));
    }
    let sizes = alice.gossip.sizes().await.unwrap();
    assert_eq!(
        (sizes.protocol.active_peers, sizes.protocol.payloads),
        (1, 2)
    );

    drop((alice_topic, bob_topic));
    in_time(async {
        while alice.gossip.sizes().await.unwrap() != NodeSizes::default() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
