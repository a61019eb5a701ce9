// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running nodes that are to keep less.

mod common;

use common::{Topic, address_of, builder, in_time, stranger};
use p2panda_net::{FromNetwork, Shrunk, ToNetwork};

#[tokio::test]
async fn a_node_that_keeps_less_loses_no_neighbour_and_no_message() {
    let (ours, theirs) = (
        builder().build().await.unwrap(),
        builder().build().await.unwrap(),
    );
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let stranger = stranger();
    ours.add_peer(stranger.clone()).await.unwrap();
    let (_tx, mut rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, _their_rx, their_ready) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();

    // What waits here is more than a channel holds.
    for number in 0..200 {
        let bytes = vec![number];
        their_tx.send(ToNetwork::Message { bytes }).await.unwrap();
    }
    let shrunk = in_time(async {
        while ours.stats().await.unwrap().delivery.waiting_gossip < 72 {}
        ours.shrink().await.unwrap()
    });
    // Nobody has gone, and all is too new to go.
    assert_eq!(shrunk.await, Shrunk::default());
    for number in 0..200 {
        let Some(FromNetwork::GossipMessage { bytes, .. }) = in_time(rx.recv()).await else {
            panic!("{number} is missing");
        };
        assert_eq!(bytes, [number]);
    }
    let stats = ours.stats().await.unwrap();
    assert_eq!(stats.address_book.neighbours, 1);
    let known = ours.known_peers().await.unwrap();
    assert!(known.contains(&stranger));

    theirs.shutdown().await.unwrap();
    ours.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_node_that_was_shut_down_keeps_nothing_and_says_so() {
    let network = builder().build().await.unwrap();
    network.clone().shutdown().await.unwrap();
    assert!(in_time(network.shrink()).await.is_err());
}
