// SPDX-License-Identifier: MIT OR Apache-2.0

//! As many subscriptions as a node was built for.

mod common;

use std::time::Duration;

use common::{Topic, builder, in_time};
use p2panda_net::{Limits, Network, TooManySubscriptions};
use tokio::time::sleep;

#[tokio::test]
async fn one_subscription_too_many_is_refused_until_another_has_ended() {
    let limits = Limits::default().max_subscriptions(3);
    let network = builder().limits(limits).build().await.unwrap();
    let (tx, rx, _) = network.subscribe(Topic).await.unwrap();
    let guarded = network.subscribe_guarded(Topic).await.unwrap();
    let unsubscribed = network.subscribe_guarded(Topic).await.unwrap();

    let refused = [
        network.subscribe(Topic).await.err(),
        network.subscribe_guarded(Topic).await.err(),
    ];
    for error in refused {
        let error = error.expect("it was taken");
        let error: &TooManySubscriptions = error.downcast_ref().unwrap();
        assert_eq!(error.max, 3);
    }
    let figures = network.stats().await.unwrap().streams;
    assert_eq!((figures.streams, figures.streams_max), (3, 3));
    assert_eq!(figures.refused, 2);

    // Whichever way they end.
    assert!(network.unsubscribe(unsubscribed.id).await.unwrap());
    let again = network.subscribe(Topic).await.unwrap();
    drop((tx, rx, guarded));
    subscriptions(&network, 1).await;
    let _all = [
        network.subscribe(Topic).await.unwrap(),
        network.subscribe(Topic).await.unwrap(),
    ];
    assert!(network.subscribe(Topic).await.is_err());
    drop(again);
    network.shutdown().await.unwrap();
}

async fn subscriptions(network: &Network<Topic>, expected: usize) {
    in_time(async {
        while network.stats().await.unwrap().streams.streams > expected {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
