//! What a receiver that comes later is told of the neighbors of a topic.

mod common;

use iroh_gossip::net::GossipEvent;

use self::common::{in_time, Node, TOPIC};

#[tokio::test]
async fn a_later_receiver_joins_with_the_neighbors_there_are() {
    let [alice, bob, carol] = [
        Node::spawn().await,
        Node::spawn().await,
        Node::spawn().await,
    ];
    let mut alice_topic = alice.join(&[]).await;
    let bob_topic = bob.join(&[&alice]).await;
    alice_topic
        .wait_for(|event| *event == GossipEvent::Joined(vec![bob.id()]))
        .await;
    drop(bob_topic);
    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborDown(bob.id()))
        .await;

    let mut later = alice.gossip.subscribe(TOPIC, vec![]).unwrap();
    let _carol_topic = carol.join(&[&alice]).await;
    in_time(later.joined()).await.unwrap();

    let neighbors: Vec<_> = later.split().1.neighbors().collect();
    assert_eq!(neighbors, [carol.id()]);
    // Whoever had joined before hears of a neighbor more.
    alice_topic
        .wait_for(|event| *event == GossipEvent::NeighborUp(carol.id()))
        .await;
}
