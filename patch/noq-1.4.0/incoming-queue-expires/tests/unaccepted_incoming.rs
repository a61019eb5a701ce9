//! A server that does not accept, and what it keeps of those who knock
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::time::Duration;

use common::pair::{Pair, is_pending, soon};
use tokio::time::sleep;

/// Somewhat later than an attempt waits by default
const LATE: Duration = Duration::from_secs(31);

#[tokio::test(start_paused = true)]
async fn attempts_that_nobody_accepted_are_not_offered_later() {
    let pair = Pair::new(|_| {});
    knock(&pair, 3).await;
    sleep(LATE).await;
    let accept = pair.server.endpoint.accept();
    assert!(is_pending(accept).await, "offered half a minute later");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_did_not_accept_for_a_while_does_so_again() {
    let pair = Pair::new(|config| {
        config.max_incoming(2);
    });
    knock(&pair, 5).await;
    sleep(LATE).await;
    pair.connect().await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_offered_in_time() {
    let pair = Pair::new(|_| {});
    knock(&pair, 2).await;
    sleep(LATE / 2).await;
    knock(&pair, 1).await;
    sleep(LATE / 2).await;
    let incoming = soon(pair.server.endpoint.accept()).await.unwrap();
    assert!(incoming.accept().is_ok());
    assert!(is_pending(pair.server.endpoint.accept()).await);
}

/// Has clients knock once each, and then give up
async fn knock(pair: &Pair, clients: usize) {
    let to = pair.server.socket.addr;
    for _ in 0..clients {
        let connecting = pair.client.endpoint.connect(to, "localhost").unwrap();
        // The first packet is sent, and then the client is cut off before it can say so.
        sleep(Duration::from_millis(1)).await;
        pair.client.socket.break_down(common::memory::Fault::Deaf);
        drop(connecting);
        sleep(Duration::from_secs(4)).await;
        pair.client.socket.break_down(common::memory::Fault::None);
    }
}
