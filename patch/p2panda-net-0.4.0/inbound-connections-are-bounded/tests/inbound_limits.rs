// SPDX-License-Identifier: MIT OR Apache-2.0

//! A node with as many connections as it may have.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::{Topic, address_of, builder, in_time};
use iroh::endpoint::{Connecting, Connection, ConnectionError};
use iroh::{Endpoint, NodeAddr, RelayMode};
use iroh_gossip::net::GOSSIP_ALPN;
use p2panda_net::{
    ConnectionHandler, FromNetwork, InboundStats, Limits, Network, ProtocolHandler, ToNetwork,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_hundred_silent_connections_keep_no_honest_peer_out_and_no_neighbour_loses_its_own() {
    let network = builder()
        .bootstrap()
        .limits(Limits::default().max_connections(10))
        .protocol(SILENT, Silent)
        .build()
        .await
        .unwrap();
    let stranger = endpoint().await;
    // On a protocol that leaves it to the node which connections go.
    let mut silent = connect(&stranger, &network, 50).await;

    // The honest peer dials, as the node knows nothing of it.
    let honest = builder().build().await.unwrap();
    honest.add_peer(address_of(&network).await).await.unwrap();
    let (_tx, mut rx, ready) = network.subscribe(Topic).await.unwrap();
    let (honest_tx, _honest_rx, honest_ready) = honest.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(honest_ready).await.unwrap();
    silent.extend(connect(&stranger, &network, 50).await);
    say(&honest_tx, b"still here").await;
    assert_eq!(heard(&mut rx).await, b"still here");

    let stats = stats_when(&network, |stats| stats.connections == 10).await;
    assert_eq!((stats.connections_max, stats.refused), (10, 0));
    assert!(stats.evicted >= 90, "{} made room", stats.evicted);
    let Some(ConnectionError::ApplicationClosed(reason)) = silent[0].close_reason() else {
        panic!("the first is {:?}", silent[0].close_reason());
    };
    assert_eq!(&reason.reason[..], b"too many connections");

    stranger.close().await;
    stats_when(&network, |stats| stats.connections <= 2).await;
    honest.shutdown().await.unwrap();
    let stats = stats_when(&network, |stats| stats.connections == 0).await;
    assert_eq!((stats.established, stats.oldest_age_ms), (0, 0));
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_node_that_only_has_neighbours_refuses_everybody_else() {
    let network = builder()
        .bootstrap()
        .limits(Limits::default().max_connections(1))
        .build()
        .await
        .unwrap();
    let neighbour = builder().build().await.unwrap();
    let known = neighbour.add_peer(address_of(&network).await).await;
    known.unwrap();
    let (_tx, mut rx, ready) = network.subscribe(Topic).await.unwrap();
    let (neighbour_tx, _neighbour_rx, neighbour_ready) = neighbour.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(neighbour_ready).await.unwrap();

    let address = network.endpoint().node_addr().await.unwrap();
    let stranger = endpoint().await;
    let refused = in_time(stranger.connect(address, GOSSIP_ALPN)).await;
    assert!(refused.is_err());
    let stats = stats_when(&network, |stats| stats.refused == 1).await;
    assert_eq!((stats.connections, stats.evicted), (1, 0));
    say(&neighbour_tx, b"still here").await;
    assert_eq!(heard(&mut rx).await, b"still here");
    network.shutdown().await.unwrap();
    neighbour.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_connection_on_which_nobody_says_anything_is_closed_as_idle() {
    let network = builder().protocol(SILENT, Silent).build().await.unwrap();
    let stranger = endpoint().await;
    let silent = connect(&stranger, &network, 1).await.remove(0);

    tokio::time::pause();
    let closed = tokio::time::timeout(Duration::from_secs(300), silent.closed()).await;
    tokio::time::resume();
    let Ok(ConnectionError::ApplicationClosed(reason)) = closed else {
        panic!("after five minutes the connection is {closed:?}");
    };
    assert_eq!(&reason.reason[..], b"idle");
    stats_when(&network, |stats| stats.idle == 1).await;
    network.shutdown().await.unwrap();
}

const SILENT: &[u8] = b"/silent/0";

/// Waits for a peer to end what neither says anything on.
#[derive(Debug)]
struct Silent;

impl ConnectionHandler for Silent {
    fn serve(
        self: Arc<Self>,
        connection: Connection,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            connection.closed().await;
            Ok(())
        })
    }
}

impl ProtocolHandler for Silent {
    fn accept(
        self: Arc<Self>,
        connecting: Connecting,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move { self.serve(connecting.await?).await })
    }

    fn connection_handler(self: Arc<Self>) -> Option<Arc<dyn ConnectionHandler>> {
        Some(self)
    }
}

/// Takes a connection without telling the node of it.
#[derive(Debug)]
struct KeepsToItself;

impl ProtocolHandler for KeepsToItself {
    fn accept(
        self: Arc<Self>,
        connecting: Connecting,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            connecting.await?.closed().await;
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_connection_of_a_handler_that_keeps_it_to_itself_makes_room_too() {
    let network = builder()
        .limits(Limits::default().max_connections(2))
        .protocol(b"/keeps-to-itself/0", KeepsToItself)
        .build()
        .await
        .unwrap();
    let address = network.endpoint().node_addr().await.unwrap();
    let peer = endpoint().await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let connection = peer.connect(address.clone(), b"/keeps-to-itself/0");
        connections.push(in_time(connection).await.unwrap());
    }

    in_time(connections[0].closed()).await;
    let stats = stats_when(&network, |stats| stats.connections == 2).await;
    assert_eq!((stats.established, stats.evicted), (0, 1));
    assert!(connections[1].close_reason().is_none());
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_stalls_gives_its_place_back() {
    let network = builder()
        .limits(Limits::default().handshake_timeout(Duration::from_millis(200)))
        .build()
        .await
        .unwrap();
    let address = network.endpoint().node_addr().await.unwrap();
    let theirs = address.direct_addresses.iter().find(|it| it.is_ipv4());

    let theirs = *theirs.unwrap();
    let peer = endpoint().await;
    let ours = SocketAddr::from((Ipv4Addr::LOCALHOST, peer.bound_sockets().0.port()));

    // What the peer sends reaches the node, but of its answers only those that are not QUIC's.
    let way = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let detour = NodeAddr::from_parts(address.node_id, None, [way.local_addr().unwrap()]);
    let _dial = tokio::spawn(async move { peer.connect(detour, GOSSIP_ALPN).await });
    let _way = tokio::spawn(async move {
        let mut packet = [0; 1500];
        loop {
            let (length, from) = way.recv_from(&mut packet).await.unwrap();
            if from == theirs && packet.starts_with("TS💬".as_bytes()) {
                way.send_to(&packet[..length], ours).await.unwrap();
            } else if from == ours {
                way.send_to(&packet[..length], theirs).await.unwrap();
            }
        }
    });

    stats_when(&network, |stats| stats.stalled == 1).await;
    stats_when(&network, |stats| stats.connections == 0).await;
    network.shutdown().await.unwrap();
}

async fn connect(peer: &Endpoint, network: &Network<Topic>, times: usize) -> Vec<Connection> {
    let address = network.endpoint().node_addr().await.unwrap();
    let mut connections = Vec::new();
    for _ in 0..times {
        let connection = peer.connect(address.clone(), SILENT);
        connections.push(in_time(connection).await.unwrap());
    }
    connections
}

async fn stats_when(
    network: &Network<Topic>,
    is_so: impl Fn(&InboundStats) -> bool,
) -> InboundStats {
    in_time(async {
        loop {
            let stats = network.stats().await.unwrap().inbound;
            if is_so(&stats) {
                break stats;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn say(tx: &mpsc::Sender<ToNetwork>, bytes: &[u8]) {
    let bytes = bytes.to_vec();
    tx.send(ToNetwork::Message { bytes }).await.unwrap();
}

async fn heard(rx: &mut mpsc::Receiver<FromNetwork>) -> Vec<u8> {
    match in_time(rx.recv()).await {
        Some(FromNetwork::GossipMessage { bytes, .. }) => bytes,
        other => panic!("{other:?}"),
    }
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
