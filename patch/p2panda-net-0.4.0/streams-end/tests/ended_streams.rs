// SPDX-License-Identifier: MIT OR Apache-2.0

//! Applications that let go of what `Network::subscribe` gave them.

mod common;

use common::{Topic, address_of, builder, in_time};
use p2panda_net::{FromNetwork, Network, SystemEvent, ToNetwork, TopicId};
use tokio::sync::{broadcast, mpsc};

#[tokio::test]
async fn who_drops_the_receiver_and_then_the_sender_leaves_the_overlay() {
    leaves_the_overlay(|tx, rx| {
        drop(rx);
        drop(tx);
    })
    .await;
}

#[tokio::test]
async fn who_drops_the_sender_and_then_the_receiver_leaves_the_overlay() {
    leaves_the_overlay(|tx, rx| {
        drop(tx);
        drop(rx);
    })
    .await;
}

/// Joins, says something, lets go, three times; the other node stays, and sees us go each time.
async fn leaves_the_overlay(let_go: impl Fn(mpsc::Sender<ToNetwork>, mpsc::Receiver<FromNetwork>)) {
    let (ours, theirs) = (node().await, node().await);
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (our_events, their_events) = (ours.events().await, theirs.events().await);
    let (mut our_events, mut their_events) = (our_events.unwrap(), their_events.unwrap());
    let (_their_tx, mut their_rx, _) = theirs.subscribe(Topic).await.unwrap();

    for number in 0..3 {
        let (tx, rx, ready) = ours.subscribe(Topic).await.unwrap();
        in_time(ready).await.unwrap();
        // Published, although it is said last.
        let bytes = vec![number];
        tx.send(ToNetwork::Message { bytes }).await.unwrap();
        let_go(tx, rx);

        let topic_id = Topic.id();
        let heard = in_time(their_rx.recv()).await;
        let bytes = match heard {
            Some(FromNetwork::GossipMessage { bytes, .. }) => Some(bytes),
            _ => None,
        };
        assert_eq!(bytes, Some(vec![number]));
        until(&mut our_events, SystemEvent::GossipLeft { topic_id }).await;
        let peer = ours.node_id();
        let gone = SystemEvent::GossipNeighborDown { topic_id, peer };
        until(&mut their_events, gone).await;
    }
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

async fn until(events: &mut broadcast::Receiver<SystemEvent<Topic>>, expected: SystemEvent<Topic>) {
    in_time(async { while events.recv().await.unwrap() != expected {} }).await;
}

async fn node() -> Network<Topic> {
    builder().build().await.unwrap()
}
