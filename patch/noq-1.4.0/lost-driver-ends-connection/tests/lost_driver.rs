//! A connection whose driver is lost, and those who wait for it
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::time::Duration;

use common::{
    memory::Fault,
    noq::{Connection, ConnectionError, TransportErrorCode},
    pair::{Pair, soon},
};
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn an_aborted_driver_ends_its_connection() {
    let pair = Pair::new(|_| {});
    let (_client, server) = pair.connect().await;
    let waiting = Waiting::on(&server);
    sleep(Duration::from_millis(10)).await;
    pair.server.tasks.abort_last();
    waiting.all_hear_of_it().await;
    assert_forgotten(&pair, &server).await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_cannot_send_ends_its_connection() {
    let pair = Pair::new(|_| {});
    let (_client, server) = pair.connect().await;
    let waiting = Waiting::on(&server);
    sleep(Duration::from_millis(10)).await;
    pair.server.socket.break_down(Fault::SendFails);
    server.send_datagram(vec![1].into()).unwrap();
    waiting.all_hear_of_it().await;
    assert_forgotten(&pair, &server).await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_panics_ends_its_connection() {
    let pair = Pair::new(|_| {});
    let (_client, server) = pair.connect().await;
    let waiting = Waiting::on(&server);
    sleep(Duration::from_millis(10)).await;
    pair.server.socket.break_down(Fault::SendPanics);
    server.send_datagram(vec![1].into()).unwrap();
    waiting.all_hear_of_it().await;
    assert_forgotten(&pair, &server).await;
}

#[tokio::test(start_paused = true)]
async fn a_handle_without_driver_leaves_a_later_connection_alone() {
    let pair = Pair::new(|_| {});
    let (_client, lost) = pair.connect().await;
    sleep(Duration::from_millis(10)).await;
    pair.server.tasks.abort_last();
    sleep(Duration::from_millis(10)).await;
    let (client, server) = pair.connect().await;
    drop(lost);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(pair.server.endpoint.open_connections(), 1);
    client.send_datagram(vec![7].into()).unwrap();
    assert_eq!(soon(server.read_datagram()).await.unwrap()[..], [7]);
}

/// Tasks that wait for something to happen on a connection
struct Waiting(Vec<tokio::task::JoinHandle<()>>);

impl Waiting {
    fn on(connection: &Connection) -> Self {
        let each = || connection.clone();
        let (streams, both, datagrams, closed) = (each(), each(), each(), each());
        Self(vec![
            tokio::spawn(async move { assert_lost(streams.accept_uni().await.err()) }),
            tokio::spawn(async move { assert_lost(both.accept_bi().await.err()) }),
            tokio::spawn(async move { assert_lost(datagrams.read_datagram().await.err()) }),
            tokio::spawn(async move { assert_lost(Some(closed.closed().await)) }),
        ])
    }

    async fn all_hear_of_it(self) {
        for task in self.0 {
            soon(task).await.unwrap();
        }
    }
}

fn assert_lost(error: Option<ConnectionError>) {
    let Some(ConnectionError::TransportError(error)) = error else {
        panic!("not lost: {error:?}");
    };
    assert_eq!(error.code, TransportErrorCode::INTERNAL_ERROR);
}

/// The endpoint has the connection no more, and its handle says why
async fn assert_forgotten(pair: &Pair, connection: &Connection) {
    sleep(Duration::from_millis(10)).await;
    assert_eq!(pair.server.endpoint.open_connections(), 0);
    assert_lost(connection.close_reason());
    assert_lost(connection.open_uni().await.err());
}
