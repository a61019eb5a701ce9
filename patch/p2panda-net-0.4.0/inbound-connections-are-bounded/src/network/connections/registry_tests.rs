// SPDX-License-Identifier: MIT OR Apache-2.0

//! Connections that sync.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use iroh::{Endpoint, RelayMode};
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use tokio::time::timeout;

use crate::sync::{SYNC_CONNECTION_ALPN, SyncConfiguration};
use crate::{Limits, Network, NetworkBuilder, SystemEvent};

#[tokio::test]
async fn a_connection_makes_room_until_a_session_has_begun_on_it() {
    let network: Network<SyncTestTopic> = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .limits(Limits::default().max_connections(1))
        .sync(SyncConfiguration::new(PingPongProtocol {}))
        .build()
        .await
        .unwrap();
    let mut events = network.events().await.unwrap();
    let address = network.endpoint().node_addr().await.unwrap();
    let peer = Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap();

    let connect = || in_time(peer.connect(address.clone(), SYNC_CONNECTION_ALPN));
    let silent = connect().await.unwrap();
    let syncing = connect().await.unwrap();
    in_time(silent.closed()).await;
    let (mut send, _recv) = syncing.open_bi().await.unwrap();
    send.write_all(b"\0").await.unwrap();
    let begun = in_time(events.recv()).await.unwrap();
    assert!(matches!(begun, SystemEvent::SyncStarted { .. }));

    assert!(connect().await.is_err());
    assert!(syncing.close_reason().is_none());
    let stats = network.stats().await.unwrap().inbound;
    assert_eq!((stats.evicted, stats.refused), (1, 1));
    network.shutdown().await.unwrap();
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let done = timeout(Duration::from_secs(30), future).await;
    done.expect("it takes longer than half a minute")
}
