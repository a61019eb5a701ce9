// SPDX-License-Identifier: MIT OR Apache-2.0

//! The limits of gossip on running nodes.

mod common;

use common::{Topic, address_of, builder, in_time};
use p2panda_net::{FromNetwork, GossipConnectionLimits, Limits, ToNetwork};

#[tokio::test]
async fn gossip_flows_between_nodes_with_small_and_the_largest_queues() {
    let (small, largest) = (queues(8), queues(usize::MAX));
    let ours = builder().limits(Limits::default().gossip_connections(small));
    let theirs = builder().limits(Limits::default().gossip_connections(largest));
    let (ours, theirs) = (ours.build().await.unwrap(), theirs.build().await.unwrap());
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (tx, mut rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, mut their_rx, their_ready) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();

    for (tx, rx, number) in [(tx, &mut their_rx, 0), (their_tx, &mut rx, 1)] {
        let bytes = vec![number];
        tx.send(ToNetwork::Message { bytes }).await.unwrap();
        let Some(FromNetwork::GossipMessage { bytes, .. }) = in_time(rx.recv()).await else {
            panic!("nothing was heard");
        };
        assert_eq!(bytes, [number]);
    }
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

fn queues(most: usize) -> GossipConnectionLimits {
    let mut limits = GossipConnectionLimits::default();
    limits.send_queue_messages = most;
    limits.dials_in_flight = most;
    limits.dials = most;
    limits.pending_messages = most;
    // Each has a message's size by default, 4 KiB.
    limits.pending_bytes = most.saturating_mul(4096);
    limits
}
