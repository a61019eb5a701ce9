// SPDX-License-Identifier: MIT OR Apache-2.0

//! Subscriptions with a name and a guard.

mod common;

use common::{Topic, address_of, builder, in_time};
use p2panda_net::{FromNetwork, Network, Notice, Subscription, ToNetwork, TopicId};

#[tokio::test]
async fn a_topic_is_left_and_joined_again_as_often_as_one_likes() {
    let (ours, theirs) = pair().await;
    let mut there = theirs.subscribe_guarded(Topic).await.unwrap();
    for number in 0..4 {
        let subscription = ours.subscribe_guarded(Topic).await.unwrap();
        let Subscription {
            id,
            tx,
            mut rx,
            ready,
            guard,
            ..
        } = subscription;
        in_time(ready).await.unwrap();
        tx.send(message(number)).await.unwrap();
        assert_eq!(bytes(in_time(there.rx.recv()).await), Some(vec![number]));

        // By its name, by its guard, in turns.
        if number % 2 == 0 {
            assert!(ours.unsubscribe(id).await.unwrap());
            drop(guard);
        } else {
            drop(guard);
            in_time(tx.closed()).await;
        }
        assert!(!ours.unsubscribe(id).await.unwrap());
        assert!(tx.send(message(number)).await.is_err());
        assert_eq!(bytes(in_time(rx.recv()).await), None);
    }

    let figures = in_time(async {
        loop {
            let figures = ours.stats().await.unwrap();
            if figures.streams.leaving == 0 {
                break figures;
            }
        }
    });
    assert_eq!(figures.await.streams, Default::default());
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_listens_for_notices_hears_of_each_stream_that_ended() {
    let network = builder().build().await.unwrap();
    let mut notices = network.notices();
    let topic_id = Topic.id();
    let first = network.subscribe_guarded(Topic).await.unwrap();
    let second = network.subscribe_guarded(Topic).await.unwrap();
    assert!(first.id < second.id);

    for subscription in [second, first] {
        let id = subscription.id;
        drop(subscription);
        let ended = Notice::StreamEnded { id, topic_id };
        assert_eq!(in_time(notices.recv()).await, Ok(ended));
    }
    network.shutdown().await.unwrap();
    // Nobody is there to tell any more.
    assert!(in_time(notices.recv()).await.is_err());
}

#[tokio::test]
async fn a_subscription_ends_with_the_node() {
    let network = builder().build().await.unwrap();
    let mut subscription = network.subscribe_guarded(Topic).await.unwrap();
    network.shutdown().await.unwrap();

    in_time(subscription.tx.closed()).await;
    assert_eq!(in_time(subscription.rx.recv()).await, None);
    assert!(in_time(subscription.ready).await.is_err());
}

async fn pair() -> (Network<Topic>, Network<Topic>) {
    let one = builder().build().await.unwrap();
    let other = builder().build().await.unwrap();
    one.add_peer(address_of(&other).await).await.unwrap();
    other.add_peer(address_of(&one).await).await.unwrap();
    (one, other)
}

fn message(number: u8) -> ToNetwork {
    let bytes = vec![number];
    ToNetwork::Message { bytes }
}

fn bytes(received: Option<FromNetwork>) -> Option<Vec<u8>> {
    match received? {
        FromNetwork::GossipMessage { bytes, .. } => Some(bytes),
        FromNetwork::SyncMessage { header, .. } => Some(header),
    }
}
