//! Strangers take no more connections than they may, and none from a neighbor.

mod common;

use std::time::Duration;

use iroh_gossip::net::{ConnectionLimits, Gossip};

use self::common::{connect, endpoint, in_time, Node};

const STRANGERS: usize = 8;

#[tokio::test]
async fn a_stranger_too_many_closes_the_oldest_one_and_the_neighbor_before_it_stays() {
    let mut limits = ConnectionLimits::default();
    limits.accepted_from_strangers = STRANGERS;
    limits.stranger_grace = Duration::from_secs(60);
    let builder = Gossip::builder().connection_limits(limits);
    let (alice, bob) = (Node::spawn_with(builder).await, Node::spawn().await);
    let alice_topic = alice.join(&[]).await;
    let mut bob_topic = bob.join(&[&alice]).await;

    let (mut strangers, mut conns) = (Vec::new(), Vec::new());
    for _ in 0..3 * STRANGERS / 4 {
        let stranger = endpoint().await;
        // As many as one peer may open.
        for _ in 0..4 {
            conns.push(connect(&stranger, &alice).await);
        }
        strangers.push(stranger);
    }

    let left = conns.split_off(2 * STRANGERS);
    for conn in conns {
        in_time(conn.closed()).await;
    }
    assert!(left.iter().all(|conn| conn.close_reason().is_none()));
    alice_topic.broadcast("still neighbors").await;
    assert_eq!(bob_topic.received().await, "still neighbors");
}
