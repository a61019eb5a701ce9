//! A router whose handlers panic.

use std::time::Duration;

use iroh_base::{EndpointAddr, TransportAddr};
use tokio::time::timeout;

use super::*;
use crate::endpoint::presets;

const PANICS_EARLY: &[u8] = b"panics-early";
const PANICS: &[u8] = b"panics";
const GREETS: &[u8] = b"greets";

const PANICS_MAX: usize = 3;

/// Longer than anything here takes, for what hangs where it is broken.
const HANGS: Duration = Duration::from_secs(30);

/// Panics before there is a connection.
#[derive(Debug)]
struct PanicsEarly;

impl ProtocolHandler for PanicsEarly {
    async fn on_accepting(&self, _: Accepting) -> Result<Connection, AcceptError> {
        panic!("as a handler does that trusts its peer");
    }

    async fn accept(&self, _: Connection) -> Result<(), AcceptError> {
        unreachable!("it never connects");
    }
}

/// Panics while it serves a connection.
#[derive(Debug)]
struct Panics;

impl ProtocolHandler for Panics {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let _held = connection;
        tokio::task::yield_now().await;
        panic!("as a handler does whose application is gone");
    }
}

/// Says hello, and waits until it was heard.
#[derive(Debug)]
struct Greets;

impl ProtocolHandler for Greets {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let mut greeting = connection.open_uni().await?;
        greeting
            .write_all(b"hello")
            .await
            .map_err(AcceptError::from_err)?;
        greeting.finish().map_err(AcceptError::from_err)?;
        connection.closed().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_connection_and_not_the_router() {
    survives(PANICS).await;
}

#[tokio::test]
async fn a_handler_that_panics_while_connecting_does_not_end_the_router() {
    survives(PANICS_EARLY).await;
}

async fn survives(alpn: &[u8]) {
    let router = Router::builder(endpoint().await)
        .accept(PANICS_EARLY, PanicsEarly)
        .accept(PANICS, Panics)
        .accept(GREETS, Greets)
        .spawn();
    let sockets = router.endpoint().bound_sockets();
    let addrs = sockets.into_iter().map(TransportAddr::Ip);
    let address = EndpointAddr::from_parts(router.endpoint().id(), addrs);
    let peer = endpoint().await;

    let kept = peer.connect(address.clone(), GREETS).await.unwrap();
    assert_eq!(greeting(&kept).await, b"hello");
    for _ in 0..PANICS_MAX {
        let connected = peer.connect(address.clone(), alpn);
        if let Ok(connection) = in_time(connected).await {
            in_time(connection.closed()).await;
        }
    }
    assert!(!router.is_shutdown());
    assert!(kept.close_reason().is_none(), "the others stay open");
    let next = peer.connect(address, GREETS).await.unwrap();
    assert_eq!(greeting(&next).await, b"hello");

    in_time(router.shutdown()).await.unwrap();
    in_time(peer.close()).await;
}

async fn greeting(connection: &Connection) -> Vec<u8> {
    let mut greeting = in_time(connection.accept_uni()).await.unwrap();
    in_time(greeting.read_to_end(16)).await.unwrap()
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(HANGS, what).await.expect("it hangs")
}

async fn endpoint() -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).clear_ip_transports();
    let builder = builder.bind_addr("127.0.0.1:0").unwrap();
    builder.bind().await.unwrap()
}
