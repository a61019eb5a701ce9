//! An endpoint that was moved to another socket
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    memory::Bound,
    noq::{ConnectionError, TransportErrorCode},
    pair::{Pair, soon},
};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn a_rebound_endpoint_answers_from_its_new_socket() {
    let pair = Pair::new(|_| {});
    let (server, socket) = (&pair.server.endpoint, pair.network.bind());
    let to = socket.addr;
    server.rebind_abstract(Box::new(Bound(socket))).unwrap();
    let connecting = pair.client.endpoint.connect(to, "localhost").unwrap();
    soon(server.accept()).await.unwrap().refuse();
    let Err(ConnectionError::ConnectionClosed(close)) = soon(connecting).await else {
        panic!("the client is not told");
    };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
}

#[tokio::test(start_paused = true)]
async fn a_rebound_endpoint_frees_its_old_socket() {
    let pair = Pair::new(|_| {});
    let replacement = Box::new(Bound(pair.network.bind()));
    pair.client.endpoint.rebind_abstract(replacement).unwrap();
    // The endpoint listens at the old socket until something arrives at the new one.
    let _connections = pair.connect().await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(Arc::strong_count(&pair.client.socket), 1);
}
