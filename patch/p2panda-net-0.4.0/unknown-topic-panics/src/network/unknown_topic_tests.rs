// SPDX-License-Identifier: MIT OR Apache-2.0

//! A peer that syncs what nobody here subscribes to.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use iroh::{Endpoint, RelayMode};
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::sync::{SYNC_CONNECTION_ALPN, SyncConfiguration, initiate_sync};

use super::{Network, NetworkBuilder};

#[tokio::test]
async fn a_peer_that_syncs_a_topic_nobody_subscribes_to_leaves_the_node_running() {
    let network: Network<SyncTestTopic> = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .sync(SyncConfiguration::new(PingPongProtocol {}))
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
    let connection = peer.connect(address, SYNC_CONNECTION_ALPN).await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let (events_tx, _events_rx) = mpsc::channel(16);
    let session = initiate_sync(
        &mut send,
        &mut recv,
        network.node_id(),
        SyncTestTopic::new("nobody's"),
        Arc::new(PingPongProtocol {}),
        events_tx,
    );
    let synced = timeout(Duration::from_secs(20), session).await;
    assert!(synced.is_ok_and(|session| session.is_ok()));
    // The other side ends the streams after its engine was handed everything.
    let ended = timeout(Duration::from_secs(20), recv.read_to_end(0)).await;
    assert!(ended.is_ok());

    let peers = timeout(Duration::from_secs(5), network.known_peers()).await;
    let lives = peers.is_ok_and(|peers| peers.is_ok());
    assert!(lives, "the engine has ended");
    network.shutdown().await.unwrap();
}
