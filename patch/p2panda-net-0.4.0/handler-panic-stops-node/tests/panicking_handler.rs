// SPDX-License-Identifier: MIT OR Apache-2.0

//! A protocol handler that panics.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use iroh::endpoint::Connecting;
use iroh::{Endpoint, RelayMode};
use p2panda_net::{Network, NetworkBuilder, ProtocolHandler, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

const ALPN: &[u8] = b"/panics/0";

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

/// Greets whoever connects, and panics.
#[derive(Debug)]
struct Panics;

impl ProtocolHandler for Panics {
    fn accept(
        self: Arc<Self>,
        connecting: Connecting,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            let connection = connecting.await?;
            let mut greeting = connection.open_uni().await?;
            greeting.write_all(b"hello").await?;
            greeting.finish()?;
            greeting.stopped().await?;
            panic!("as a handler does whose application is gone");
        })
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_connection_and_not_the_node() {
    let network: Network<Topic> = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .protocol(ALPN, Panics)
        .build()
        .await
        .unwrap();
    let peer = Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap();
    let address = network.endpoint().node_addr().await.unwrap();

    for nth in 1..=3 {
        let connected = timeout(PATIENCE, peer.connect(address.clone(), ALPN)).await;
        let connection = connected.expect("in time");
        assert!(connection.is_ok(), "connection {nth} was refused");
        let connection = connection.unwrap();
        let greeted = timeout(PATIENCE, async {
            connection
                .accept_uni()
                .await?
                .read_to_end(16)
                .await
                .map_err(anyhow::Error::from)
        });
        let greeting = greeted.await.expect("in time");
        assert_eq!(greeting.ok().as_deref(), Some(&b"hello"[..]), "{nth}");

        let closed = timeout(PATIENCE, connection.closed()).await;
        assert!(closed.is_ok(), "connection {nth} stays open");
        assert!(
            network.known_peers().await.is_ok(),
            "the node ended at {nth}"
        );
    }
    network.shutdown().await.unwrap();
}
