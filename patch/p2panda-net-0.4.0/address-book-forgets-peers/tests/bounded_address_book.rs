// SPDX-License-Identifier: MIT OR Apache-2.0

//! A running node's address book, filled through the public interface.

mod common;

use common::{Topic, builder, stranger};
use p2panda_net::Network;

async fn add_strangers(network: &Network<Topic>, count: usize) {
    for _ in 0..count {
        network.add_peer(stranger()).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_is_told_of_thousands_of_peers_knows_a_bounded_number() {
    let network = builder().build().await.unwrap();
    add_strangers(&network, 2000).await;

    assert_eq!(network.known_peers().await.unwrap().len(), 1024);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_node_knows_the_peers_it_was_built_with_however_many_follow() {
    let configured = stranger();
    let network = builder()
        .direct_address(
            configured.public_key,
            configured.direct_addresses.clone(),
            None,
        )
        .build()
        .await
        .unwrap();
    add_strangers(&network, 1500).await;

    let known = network.known_peers().await.unwrap();
    assert!(known.contains(&configured));
    assert_eq!(known.len(), 1024);
    network.shutdown().await.unwrap();
}
