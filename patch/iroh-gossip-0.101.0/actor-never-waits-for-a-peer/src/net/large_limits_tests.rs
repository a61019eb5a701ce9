//! Limits that are larger than what they bound can ever be.

use n0_future::time::Duration;

use super::{common_tests::Node, ConnectionLimits, Gossip};

#[tokio::test]
async fn limits_may_be_as_large_as_numbers_go() {
    let mut limits = ConnectionLimits::default();
    limits.dials_in_flight = usize::MAX;
    limits.send_queue_messages = usize::MAX;
    for limit in [
        &mut limits.dial_timeout,
        &mut limits.send_stall,
        &mut limits.idle,
    ] {
        *limit = Duration::MAX;
    }
    let alice = Node::spawn_with(Gossip::builder().connection_limits(limits)).await;
    let bob = Node::spawn().await;
    let mut bob_topic = bob.join(&[]).await;
    let alice_topic = alice.join(&[&bob]).await;
    alice_topic.broadcast("heard").await;
    assert_eq!(bob_topic.received().await, "heard");
}
