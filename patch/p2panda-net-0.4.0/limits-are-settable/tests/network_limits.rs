// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds that the application sets, on running nodes.

mod common;

use std::time::Duration;

use common::{Topic, address_of, builder, in_time, stranger};
use p2panda_net::{Limits, LimitsError};

#[tokio::test]
async fn a_node_keeps_to_the_bound_it_was_given() {
    let network = builder()
        .limits(Limits::default().max_peers(5))
        .build()
        .await
        .unwrap();
    for _ in 0..50 {
        network.add_peer(stranger()).await.unwrap();
    }

    assert_eq!(network.known_peers().await.unwrap().len(), 5);
    network.shutdown().await.unwrap();
}

/// Sockets know no paused time: this one waits for two seconds.
#[tokio::test]
async fn a_stranger_is_forgotten_after_its_time_to_live_and_a_neighbour_is_not() {
    let (ours, theirs) = (
        builder()
            .limits(Limits::default().peer_ttl(Duration::from_secs(2)))
            .build()
            .await
            .unwrap(),
        builder().build().await.unwrap(),
    );
    let neighbour = address_of(&theirs).await;
    ours.add_peer(neighbour.clone()).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (_tx, _rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (_their_tx, _their_rx, _) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();

    // Joining may have taken longer than that.
    ours.add_peer(neighbour.clone()).await.unwrap();
    let stranger = stranger();
    ours.add_peer(stranger.clone()).await.unwrap();
    assert!(ours.known_peers().await.unwrap().contains(&stranger));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let known = ours.known_peers().await.unwrap();
    assert!(known.contains(&neighbour) && !known.contains(&stranger));

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_bound_of_zero_is_refused_when_the_node_is_built() {
    let limits = Limits::default().peer_ttl(Duration::ZERO);
    let refused = builder().limits(limits).build().await.unwrap_err();

    assert_eq!(
        refused.downcast_ref(),
        Some(&LimitsError::Zero { limit: "peer_ttl" })
    );
    assert_eq!(
        refused.to_string(),
        "limit `peer_ttl` is zero, but must be greater"
    );
}
