//! A burst that is more than a queue holds, among nodes that have just met.

mod common;

use std::collections::BTreeSet;

use bytes::Bytes;

use self::common::Node;

/// Three times what a send queue holds.
const MESSAGES: u32 = 3000;

#[tokio::test]
async fn a_burst_among_three_nodes_that_just_met_arrives_at_all_of_them() {
    let [alice, bob, carol] = [
        Node::spawn().await,
        Node::spawn().await,
        Node::spawn().await,
    ];
    let _bob_topic = bob.join(&[]).await;
    let mut carol_topic = carol.join(&[&bob]).await;
    let alice_topic = alice.join(&[&bob]).await;

    let publisher = tokio::spawn(async move {
        for i in 0..MESSAGES {
            alice_topic.broadcast(content(i)).await;
        }
        alice_topic
    });
    // What comes while Alice and Carol become neighbors is announced, asked for, and asked for again.
    let mut missing: BTreeSet<_> = (0..MESSAGES).map(content).collect();
    while !missing.is_empty() {
        missing.remove(&carol_topic.received().await);
    }
    drop(publisher.await);
}

/// 3500 bytes that are different for each message.
fn content(i: u32) -> Bytes {
    i.to_be_bytes().repeat(875).into()
}
