//! An endpoint that was given another socket, and what arrives there
#![cfg(all(feature = "rustls-ring", feature = "runtime-tokio"))]

mod common;

use std::time::Duration;

use common::pair::{soon, Pair};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn a_server_that_was_idle_when_rebound_is_reached_at_its_new_address() {
    let pair = Pair::new(|_| {});
    sleep(Duration::from_millis(10)).await;
    let socket = pair.network.bind();
    let to = socket.addr;
    pair.server.endpoint.rebind_abstract(socket).unwrap();
    let _connecting = pair.client.endpoint.connect(to, "localhost").unwrap();
    let incoming = soon(pair.server.endpoint.accept()).await;
    assert!(incoming.is_some());
}
