// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a connection may cost a node that has no use for it.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::{builder, in_time};
use iroh::endpoint::{Connecting, ConnectionError};
use iroh::{Endpoint, RelayMode};
use iroh_gossip::net::GOSSIP_ALPN;
use p2panda_net::ProtocolHandler;
use tokio::time::timeout;

const MEBIBYTE: usize = 1024 * 1024;

#[tokio::test]
async fn a_connection_that_is_only_kept_alive_is_closed() {
    let network = builder().build().await.unwrap();
    let address = network.endpoint().node_addr().await.unwrap();
    // An endpoint of iroh's sends something each second to keep a connection alive.
    let peer = endpoint().await;
    let connection = in_time(peer.connect(address, GOSSIP_ALPN)).await.unwrap();

    tokio::time::pause();
    let closed = timeout(Duration::from_secs(300), connection.closed()).await;
    tokio::time::resume();
    let Ok(ConnectionError::ApplicationClosed(reason)) = closed else {
        panic!("after five minutes the connection is {closed:?}");
    };
    // Gossip may see sooner than the node that it has no use for the connection.
    let reason = &reason.reason[..];
    assert!(reason == b"idle" || reason == b"not in use", "{reason:?}");
    network.shutdown().await.unwrap();
}

/// Takes streams, and does not read them.
#[derive(Debug)]
struct NeverReads;

impl ProtocolHandler for NeverReads {
    fn accept(
        self: Arc<Self>,
        connecting: Connecting,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            let connection = connecting.await?;
            let mut unread = Vec::new();
            while let Ok(stream) = connection.accept_bi().await {
                unread.push(stream);
            }
            Ok(())
        })
    }
}

#[tokio::test]
async fn what_waits_unread_on_one_connection_is_bounded_however_many_streams_it_has() {
    let network = builder().protocol(b"/never-reads/0", NeverReads).build();
    let network = network.await.unwrap();
    let address = network.endpoint().node_addr().await.unwrap();
    let peer = endpoint().await;
    let connection = peer.connect(address, b"/never-reads/0");
    let connection = in_time(connection).await.unwrap();

    // One fits into the window of a stream.
    let message = vec![0; MEBIBYTE];
    let mut taken = Vec::new();
    while taken.len() < 64 {
        let (mut stream, _) = connection.open_bi().await.unwrap();
        let written = timeout(Duration::from_secs(2), stream.write_all(&message)).await;
        if written.is_err() {
            break;
        }
        taken.push(stream);
    }
    // 16 wait there, and ten here for what was sent to be acknowledged.
    assert!(taken.len() <= 27, "{} mebibytes were taken", taken.len());
    connection.close(0u32.into(), b"done");
    network.shutdown().await.unwrap();
}

async fn endpoint() -> Endpoint {
    Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap()
}
