//! `address-book-grows`: a node's address book is bounded, says how full it is, and forgets what it is told to forget.

use evergreen_tests::{Topic, address_of, in_time, loopback, stranger};
use p2panda_net::Limits;

#[tokio::test]
async fn a_node_keeps_as_many_peers_as_it_was_told_to_and_counts_the_rest() {
    let network = loopback()
        .limits(Limits::default().max_peers(100))
        .build()
        .await
        .unwrap();
    for _ in 0..250 {
        network.add_peer(stranger(9)).await.unwrap();
    }

    let book = network.stats().await.unwrap().address_book;
    assert_eq!((book.peers, book.peers_max), (100, 100));
    assert_eq!(book.evicted_added, 150);
    assert_eq!(network.peer_count().await.unwrap(), 100);
    assert_eq!(network.known_peers().await.unwrap().len(), 100);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_limit_of_zero_is_refused_by_its_name() {
    let error = loopback()
        .limits(Limits::default().max_peers(0))
        .build()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("max_peers"), "{error}");
}

#[tokio::test]
async fn strangers_push_out_neither_a_neighbour_nor_a_peer_of_the_builder() {
    let first = loopback().bootstrap().build().await.unwrap();
    let second = loopback()
        .limits(Limits::default().max_peers(10))
        .direct_address(first.node_id(), address_of(&first).direct_addresses, None)
        .build()
        .await
        .unwrap();
    let (_tx, _rx, ready) = second.subscribe(Topic(1)).await.unwrap();
    let (_their_tx, _their_rx, _) = first.subscribe(Topic(1)).await.unwrap();
    in_time("joining", ready).await.unwrap();

    for _ in 0..100 {
        second.add_peer(stranger(9)).await.unwrap();
    }
    let known = second.known_peers().await.unwrap();
    assert!(known.iter().any(|peer| peer.public_key == first.node_id()));
    assert_eq!(second.peer_count().await.unwrap(), 10);
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn forgetting_twice_does_no_harm_and_says_so() {
    let network = loopback().build().await.unwrap();
    let peers: Vec<_> = (0..5).map(|_| stranger(9)).collect();
    for peer in &peers {
        network.add_peer(peer.clone()).await.unwrap();
    }

    let keys: Vec<_> = peers.iter().map(|peer| peer.public_key).collect();
    assert!(network.remove_peer(keys[0]).await.unwrap());
    assert!(!network.remove_peer(keys[0]).await.unwrap());
    assert_eq!(network.remove_peers(&keys).await.unwrap(), 4);
    assert_eq!(network.stats().await.unwrap().address_book.topics, 0);
    network.shutdown().await.unwrap();
}
