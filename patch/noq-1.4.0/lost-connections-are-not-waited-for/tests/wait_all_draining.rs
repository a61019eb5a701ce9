//! Whom an endpoint waits for before it is shut down
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::time::Duration;

use common::{
    noq::VarInt,
    pair::{Pair, is_pending, soon},
};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_without_draining_is_not_waited_for() {
    let pair = Pair::new(|_| {});
    let (_client, server) = pair.connect().await;
    sleep(Duration::from_millis(10)).await;
    pair.server.tasks.abort_last();
    drop(server);
    soon(pair.server.endpoint.wait_all_draining()).await;
}

#[tokio::test(start_paused = true)]
async fn the_others_are_waited_for_still() {
    let pair = Pair::new(|_| {});
    let endpoint = &pair.server.endpoint;
    let (_kept, other) = pair.connect().await;
    let (_client, lost) = pair.connect().await;
    sleep(Duration::from_millis(10)).await;
    pair.server.tasks.abort_last();
    drop(lost);
    assert!(is_pending(endpoint.wait_all_draining()).await);
    other.close(VarInt::from_u32(0), b"");
    sleep(Duration::from_secs(10)).await;
    soon(endpoint.wait_all_draining()).await;
}
