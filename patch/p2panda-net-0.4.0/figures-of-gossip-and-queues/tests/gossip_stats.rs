// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a node tells of its gossip, which keeps to the limits that were set.

mod common;

use std::time::Duration;

use common::{Topic, address_of, builder, in_time};
use p2panda_net::{GossipLimits, Limits, ToNetwork};
use tokio::time::sleep;

#[tokio::test]
async fn what_gossip_keeps_is_told_and_is_within_the_limits_that_were_set() {
    let mut gossip = GossipLimits::default();
    gossip.message_ids_per_topic = 10;
    let ours = builder().limits(Limits::default().gossip(gossip));
    let (ours, theirs) = (
        ours.build().await.unwrap(),
        builder().build().await.unwrap(),
    );
    let alone = ours.stats().await.unwrap().gossip;
    assert_eq!((alone.neighbours, alone.connections), (0, 0));
    assert_eq!((alone.message_ids_max, alone.dials_max), (10, 256));

    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (tx, rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, mut their_rx, _) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    for number in 0..50 {
        let bytes = vec![number];
        tx.send(ToNetwork::Message { bytes }).await.unwrap();
        in_time(their_rx.recv()).await.unwrap();
    }
    let joined = ours.stats().await.unwrap().gossip;
    assert_eq!((joined.overlays, joined.neighbours), (2, 2));
    assert_eq!(joined.connected_peers, 1);
    // Those of the topic, and a few of announcements.
    assert!(joined.payloads >= 50, "{joined:?}");
    assert!((11..=20).contains(&joined.message_ids), "{joined:?}");

    drop((tx, rx, their_tx, their_rx));
    let left = async {
        while ours.stats().await.unwrap().gossip.overlays > 1 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    in_time(left).await;
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}
