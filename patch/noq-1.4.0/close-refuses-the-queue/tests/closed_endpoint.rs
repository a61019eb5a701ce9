//! What a closed endpoint does with connection attempts that wait to be accepted
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::time::Duration;

use common::{
    noq::{ConnectionError, TransportErrorCode, VarInt},
    pair::{Pair, soon},
};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn closing_refuses_those_that_wait_to_be_accepted() {
    let pair = Pair::new(|_| {});
    let to = pair.server.socket.addr;
    let server = &pair.server.endpoint;
    let connecting: Vec<_> = (0..3)
        .map(|_| pair.client.endpoint.connect(to, "localhost").unwrap())
        .collect();
    sleep(Duration::from_millis(10)).await;

    server.close(VarInt::from_u32(0), b"");
    assert!(soon(server.accept()).await.is_none(), "one is offered yet");
    assert_eq!(server.stats().refused_handshakes, 3);
    for attempt in connecting {
        let Err(ConnectionError::ConnectionClosed(close)) = soon(attempt).await else {
            panic!("the client is not told");
        };
        assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_twice_refuses_once() {
    let pair = Pair::new(|_| {});
    let to = pair.server.socket.addr;
    let server = &pair.server.endpoint;
    let connecting = pair.client.endpoint.connect(to, "localhost").unwrap();
    sleep(Duration::from_millis(10)).await;
    for _ in 0..2 {
        server.close(VarInt::from_u32(0), b"");
    }
    assert_eq!(server.stats().refused_handshakes, 1);
    assert!(soon(connecting).await.is_err());
}
