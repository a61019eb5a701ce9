// SPDX-License-Identifier: MIT OR Apache-2.0

//! Applications that let go of their receivers one after the other, in every order there is.

mod common;

use std::any::Any;

use common::{Topic, address_of, builder, in_time};
use p2panda_net::{FromNetwork, ToNetwork};

#[tokio::test]
async fn whoever_still_reads_gets_every_message_in_whichever_order_the_others_let_go() {
    let (ours, theirs) = (
        builder().build().await.unwrap(),
        builder().build().await.unwrap(),
    );
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (_tx, mut reads, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, _their_rx, their_ready) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();

    for (round, order) in orders([0, 1, 2, 3]).into_iter().enumerate() {
        // Of one stream the receiver goes first, of the other the sender.
        let (tx, rx, _) = ours.subscribe(Topic).await.unwrap();
        let guarded = ours.subscribe_guarded(Topic).await.unwrap();
        let receivers: [Box<dyn Any>; 4] = [
            Box::new(rx),
            Box::new((guarded.rx, guarded.guard)),
            Box::new(ours.events().await.unwrap()),
            Box::new(ours.notices()),
        ];
        let mut receivers = receivers.map(Some);
        for (number, receiver) in order.into_iter().enumerate() {
            receivers[receiver] = None;
            let said = vec![round as u8, number as u8];
            let bytes = said.clone();
            their_tx.send(ToNetwork::Message { bytes }).await.unwrap();
            let Some(FromNetwork::GossipMessage { bytes, .. }) = in_time(reads.recv()).await else {
                panic!("{said:?} is missing");
            };
            assert_eq!(bytes, said);
        }
        drop((tx, guarded.tx));
    }
    in_time(async { while ours.stats().await.unwrap().streams.streams > 1 {} }).await;
    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

fn orders<const N: usize>(of: [usize; N]) -> Vec<[usize; N]> {
    let mut orders = vec![of];
    for at in 0..N {
        orders = orders
            .into_iter()
            .flat_map(|order| {
                (at..N).map(move |other| {
                    let mut order = order;
                    order.swap(at, other);
                    order
                })
            })
            .collect();
    }
    orders
}
