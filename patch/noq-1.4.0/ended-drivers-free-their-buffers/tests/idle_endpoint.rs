//! An endpoint that has nothing to do any more, and what it holds
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    memory::Fault,
    noq::{ConnectionError, Endpoint, VarInt},
    pair::{Pair, soon},
};
use tokio::{task::JoinHandle, time::sleep};

/// As long as closed connections linger, and more
const DRAINED: Duration = Duration::from_secs(60);

/// Holders of a socket: the test, and the endpoint, but no sender
const WITH_ITS_ENDPOINT: usize = 2;

#[tokio::test(start_paused = true)]
async fn waiting_for_idle_ends_with_an_aborted_driver() {
    let pair = Pair::new(|_| {});
    let _connections = pair.connect().await;
    let waiting = wait_idle(&pair.server.endpoint).await;
    pair.server.tasks.abort_first();
    soon(waiting).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_for_idle_ends_with_a_driver_that_cannot_receive() {
    let pair = Pair::new(|_| {});
    let _connections = pair.connect().await;
    let waiting = wait_idle(&pair.server.endpoint).await;
    pair.server.socket.break_down(Fault::RecvFails);
    let (from, to) = (pair.client.socket.addr, pair.server.socket.addr);
    pair.network.deliver(from, to, b"wakes the driver");
    soon(waiting).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_endpoint_without_connections_keeps_its_socket_alone() {
    let pair = Pair::new(|_| {});
    sleep(Duration::from_millis(10)).await;
    pair.server.endpoint.close(VarInt::from_u32(0), b"");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(pair.server.tasks.running(), 0);
    assert_eq!(Arc::strong_count(&pair.server.socket), WITH_ITS_ENDPOINT);
    let addr = pair.server.endpoint.local_addr().unwrap();
    assert_eq!(addr, pair.server.socket.addr);
}

#[tokio::test(start_paused = true)]
async fn a_closed_endpoint_keeps_its_socket_alone_though_all_handles_are_kept() {
    let pair = Pair::new(|_| {});
    let (client, server) = pair.connect().await;
    for node in [&pair.server, &pair.client] {
        node.endpoint.close(VarInt::from_u32(7), b"");
    }
    for node in [&pair.server, &pair.client] {
        node.endpoint.wait_idle().await;
        sleep(DRAINED).await;
        assert_eq!(node.tasks.running(), 0);
        assert_eq!(Arc::strong_count(&node.socket), WITH_ITS_ENDPOINT);
        assert!(node.endpoint.accept().await.is_none());
        node.endpoint.wait_idle().await;
    }
    assert_eq!(server.close_reason(), Some(ConnectionError::LocallyClosed));
    assert!(client.open_uni().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_drained_connection_frees_the_socket_that_its_endpoint_left() {
    let pair = Pair::new(|_| {});
    let (client, _server) = pair.connect().await;
    client.close(VarInt::from_u32(0), b"");
    sleep(DRAINED).await;
    let replacement = pair.network.bind();
    pair.client
        .endpoint
        .rebind_abstract(Box::new(common::memory::Bound(replacement)))
        .unwrap();
    let (server, old) = (pair.server.socket.addr, pair.client.socket.addr);
    pair.network.deliver(server, old, b"wakes the driver");
    // The endpoint listens at the old socket until something arrives at the new one.
    pair.connect().await;
    assert_eq!(Arc::strong_count(&pair.client.socket), 1);
    assert!(client.close_reason().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_outlives_the_driver_cannot_be_accepted() {
    let pair = Pair::new(|_| {});
    let to = pair.server.socket.addr;
    let _connecting = pair.client.endpoint.connect(to, "localhost").unwrap();
    let incoming = soon(pair.server.endpoint.accept()).await.unwrap();
    pair.server.endpoint.close(VarInt::from_u32(0), b"");
    sleep(Duration::from_millis(10)).await;
    let accepted = incoming.accept().map(|_| ());
    assert_eq!(accepted, Err(ConnectionError::LocallyClosed));
    soon(pair.server.endpoint.wait_idle()).await;
}

/// Has a task wait, and sees that it does
async fn wait_idle(endpoint: &Endpoint) -> JoinHandle<()> {
    let endpoint = endpoint.clone();
    let waiting = tokio::spawn(async move { endpoint.wait_idle().await });
    sleep(Duration::from_millis(10)).await;
    assert!(!waiting.is_finished());
    waiting
}
