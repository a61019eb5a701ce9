// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a node leaves behind, however it ends.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::{address_of, builder, in_time};
use iroh::endpoint::Connecting;
use p2panda_net::{Network, NetworkBuilder, ProtocolHandler, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn a_dropped_network_gives_back_its_sockets_and_tasks_while_a_stream_is_held() {
    let theirs = builder().bootstrap().build().await.unwrap();
    let (_their_tx, _their_rx, their_ready) = theirs.subscribe(common::Topic).await.unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    let ours = builder().build().await.unwrap();
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    let (tx, mut rx, ready) = ours.subscribe(common::Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();
    let (socket, _) = ours.endpoint().bound_sockets();

    drop(ours);
    assert!(within(tx.closed()).await, "its sending half stays open");
    let read = timeout(PATIENCE, async { while rx.recv().await.is_some() {} });
    assert!(read.await.is_ok(), "its receiving half stays open");
    assert!(within(free(socket)).await, "its socket stays bound");
    theirs.shutdown().await.unwrap();
    let ended = async {
        while Handle::current().metrics().num_alive_tasks() > before {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(within(ended).await, "a task is left over");
}

/// Does not come to an end when the node does.
#[derive(Debug)]
struct NeverEnds;

impl ProtocolHandler for NeverEnds {
    fn accept(self: Arc<Self>, _connecting: Connecting) -> Future<Result<()>> {
        Box::pin(std::future::pending())
    }

    fn shutdown(self: Arc<Self>) -> Future<()> {
        Box::pin(std::future::pending())
    }
}

type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

#[tokio::test]
async fn a_shutdown_waits_ten_seconds_for_a_part_that_does_not_end() {
    let network = builder().protocol(b"/never-ends/0", NeverEnds).build();
    let network = network.await.unwrap();

    tokio::time::pause();
    let down = timeout(Duration::from_secs(11), network.shutdown()).await;
    assert!(down.is_ok(), "it waits on");
}

/// A topic of an application that panics when it is asked for its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Panics;

impl TopicQuery for Panics {}

impl TopicId for Panics {
    fn id(&self) -> [u8; 32] {
        panic!("as an application may")
    }
}

#[tokio::test]
async fn a_node_whose_engine_has_died_closes_its_connections_by_itself() {
    let network: Network<Panics> = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .build()
        .await
        .unwrap();
    let (socket, _) = network.endpoint().bound_sockets();
    let _ended = network.subscribe(Panics).await;

    let closed = async {
        while !network.endpoint().is_closed() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(within(closed).await, "its endpoint stays open");
    let asked = timeout(PATIENCE, network.known_peers()).await;
    assert!(asked.is_ok_and(|asked| asked.is_err()));
    drop(network);
    assert!(within(free(socket)).await, "its socket stays bound");
}

/// What takes milliseconds here may take seconds on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

async fn within(end: impl std::future::Future<Output = ()>) -> bool {
    timeout(PATIENCE, end).await.is_ok()
}

/// Waits until nobody holds an address.
async fn free(socket: SocketAddr) {
    while UdpSocket::bind(socket).is_err() {
        sleep(Duration::from_millis(50)).await;
    }
}
