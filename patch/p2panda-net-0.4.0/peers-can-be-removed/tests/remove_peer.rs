// SPDX-License-Identifier: MIT OR Apache-2.0

//! Forgetting peers on running nodes.

mod common;

use common::{Topic, address_of, builder, in_time, stranger};
use p2panda_net::{FromNetwork, Network, ToNetwork};

async fn node() -> Network<Topic> {
    builder().build().await.unwrap()
}

#[tokio::test]
async fn a_removed_peer_is_gone_until_it_is_added_again() {
    let network = node().await;
    let (peer, other) = (stranger(), stranger());
    network.add_peer(peer.clone()).await.unwrap();
    network.add_peer(other.clone()).await.unwrap();

    assert!(network.remove_peer(peer.public_key).await.unwrap());
    assert!(!network.remove_peer(peer.public_key).await.unwrap());
    assert_eq!(
        network.known_peers().await.unwrap(),
        std::slice::from_ref(&other)
    );

    network.add_peer(peer.clone()).await.unwrap();
    assert_eq!(network.peer_count().await.unwrap(), 2);
    let keys = [peer.public_key, other.public_key, stranger().public_key];
    assert_eq!(network.remove_peers(&keys).await.unwrap(), 2);
    assert_eq!(network.peer_count().await.unwrap(), 0);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn removing_a_peer_from_a_node_that_was_shut_down_is_an_error() {
    let network = node().await;
    network.clone().shutdown().await.unwrap();

    assert!(network.remove_peer(stranger().public_key).await.is_err());
    assert!(network.peer_count().await.is_err());
}

#[tokio::test]
async fn removing_a_neighbour_leaves_its_connection_alone() {
    let (ours, theirs) = (node().await, node().await);
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (_tx, mut rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, _rx, their_ready) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();

    assert!(ours.remove_peer(theirs.node_id()).await.unwrap());
    let bytes = b"still here".to_vec();
    let message = ToNetwork::Message {
        bytes: bytes.clone(),
    };
    their_tx.send(message).await.unwrap();
    let received = in_time(rx.recv()).await;
    let expected = FromNetwork::GossipMessage {
        bytes,
        delivered_from: theirs.node_id(),
    };
    assert_eq!(received, Some(expected));

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}
