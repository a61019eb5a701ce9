// SPDX-License-Identifier: MIT OR Apache-2.0

//! The figures of running nodes.

mod common;

use common::{Topic, address_of, builder, in_time, stranger};
use p2panda_net::Limits;

#[tokio::test]
async fn the_figures_tell_peers_apart_by_how_they_are_known_and_count_who_made_room() {
    let configured = stranger();
    let network = builder()
        .limits(Limits::default().max_peers(10))
        .direct_address(configured.public_key, configured.direct_addresses, None)
        .build()
        .await
        .unwrap();
    for _ in 0..30 {
        network.add_peer(stranger()).await.unwrap();
    }

    let stats = network.stats().await.unwrap().address_book;
    assert_eq!((stats.peers, stats.peers_max), (10, 10));
    assert_eq!((stats.peers_configured, stats.peers_added), (1, 9));
    assert_eq!((stats.evicted_added, stats.refused), (21, 0));
    assert_eq!((stats.addresses, stats.topics), (10, 10));

    // Whoever watches a node writes them down in some format of serde's.
    let mut written = Vec::new();
    ciborium::into_writer(&network.stats().await.unwrap(), &mut written).unwrap();
    let read: ciborium::Value = ciborium::from_reader(&written[..]).unwrap();
    assert_eq!(read.as_map().map(Vec::len), Some(2));
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn nodes_that_have_joined_an_overlay_count_each_other_as_neighbours() {
    let (one, other) = (
        builder().build().await.unwrap(),
        builder().build().await.unwrap(),
    );
    one.add_peer(address_of(&other).await).await.unwrap();
    other.add_peer(address_of(&one).await).await.unwrap();
    let (_tx, _rx, ready) = one.subscribe(Topic).await.unwrap();
    let (_other_tx, _other_rx, other_ready) = other.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(other_ready).await.unwrap();

    for node in [&one, &other] {
        let stats = node.stats().await.unwrap();
        assert_eq!(stats.address_book.neighbours, 1);
        assert_eq!(stats.gossip_buffers.buffers, 0);
    }
    one.shutdown().await.unwrap();
    other.shutdown().await.unwrap();
}
