// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds on sync sessions that the application sets, and what is told of them.

mod common;

use std::future::pending;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::{Topic, builder, in_time};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, Sink, SinkExt};
use iroh::endpoint::{Connection, ConnectionError, RecvStream, SendStream};
use iroh::{Endpoint, RelayMode};
use p2panda_net::{Limits, Network, NetworkStats, SyncConfiguration};
use p2panda_sync::{FromSync, SyncError, SyncProtocol};
use tokio::time::sleep;

#[tokio::test]
async fn a_node_refuses_more_sessions_than_it_may_have_and_has_none_left_in_the_end() {
    let network = node(Limits::default().sync_sessions(2), 0).await;
    let (first, second) = (
        Session::begin(&network).await,
        Session::begin(&network).await,
    );
    let stats = stats_when(&network, |stats| stats.sync.accepted == 2).await;
    assert_eq!(
        (stats.sync.accepted_max, stats.sync.refused_sessions),
        (2, 0)
    );

    for refused in 1..10 {
        let third = Session::begin(&network).await;
        assert_eq!(third.reason().await, b"too many sync sessions");
        let stats = network.stats().await.unwrap();
        assert_eq!(stats.sync.refused_sessions, refused);
    }
    stats_when(&network, |stats| stats.gossip_buffers.locks == 2).await;

    drop((first, second));
    let stats = stats_when(&network, |stats| stats.sync.accepted == 0).await;
    assert_eq!(stats.sync.overdue_sessions, 0);
    stats_when(&network, |stats| stats.gossip_buffers.locks == 0).await;
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_session_that_takes_too_long_is_cut_off_and_gossip_waits_no_longer() {
    let network = node(short_sessions(), 0).await;
    let session = Session::begin(&network).await;
    assert_eq!(session.reason().await, b"the sync session was cut off");
    stats_when(&network, |stats| stats.gossip_buffers.locks == 0).await;
    let stats = stats_when(&network, |stats| stats.sync.accepted == 0).await;
    assert_eq!(stats.sync.overdue_sessions, 1);
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_session_that_waits_for_the_application_has_no_more_time_than_another() {
    let network = node(short_sessions(), 5000).await;
    let (_tx, _unread, _ready) = network.subscribe(Topic).await.unwrap();
    // The second one finds the permits taken by what the first has brought.
    for overdue in 1..=2 {
        let session = Session::begin(&network).await;
        assert_eq!(session.reason().await, b"the sync session was cut off");
        stats_when(&network, |stats| stats.sync.stalled_sessions == 0).await;
        let stats = stats_when(&network, |stats| stats.sync.accepted == 0).await;
        assert_eq!(stats.sync.overdue_sessions, overdue);
        assert_eq!(stats.delivery.waiting_synced, stats.sync.backlog_max);
    }
    network.shutdown().await.unwrap();
}

/// Sockets know no paused time: sessions take all of this.
fn short_sessions() -> Limits {
    Limits::default().sync_session_timeout(Duration::from_secs(2))
}

/// A node whose accepted sessions say at once that they have their handshake, bring so many
/// operations, and come to no end.
async fn node(limits: Limits, operations: u32) -> Network<Topic> {
    let builder = builder().limits(limits);
    let builder = builder.sync(SyncConfiguration::new(NoEnd { operations }));
    builder.build().await.unwrap()
}

async fn stats_when(
    network: &Network<Topic>,
    is_so: impl Fn(&NetworkStats) -> bool,
) -> NetworkStats {
    in_time(async {
        loop {
            let stats = network.stats().await.unwrap();
            if is_so(&stats) {
                break stats;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// A session as its peer has it, which is another one each time.
struct Session {
    connection: Connection,
    _streams: (SendStream, RecvStream),
    _peer: Endpoint,
}

impl Session {
    async fn begin(network: &Network<Topic>) -> Self {
        let peer = endpoint().await;
        let address = network.endpoint().node_addr().await.unwrap();
        let connecting = peer.connect(address, b"/p2panda-net-sync/0");
        let connection = in_time(connecting).await.unwrap();
        let (mut send, recv) = connection.open_bi().await.unwrap();
        // Where there is no place for it, it may be too late.
        send.write_all(b"\0").await.ok();
        Self {
            connection,
            _streams: (send, recv),
            _peer: peer,
        }
    }

    /// Why the other side closes the connection.
    async fn reason(&self) -> Vec<u8> {
        match in_time(self.connection.closed()).await {
            ConnectionError::ApplicationClosed(close) => close.reason.to_vec(),
            other => panic!("the session ends with {other:?}"),
        }
    }
}

#[derive(Debug)]
struct NoEnd {
    operations: u32,
}

type Writer<'a> = Box<&'a mut (dyn AsyncWrite + Send + Unpin)>;
type Reader<'a> = Box<&'a mut (dyn AsyncRead + Send + Unpin)>;
type ToApp<'a> = Box<&'a mut (dyn Sink<FromSync<Topic>, Error = SyncError> + Send + Unpin)>;

#[async_trait]
impl<'a> SyncProtocol<'a, Topic> for NoEnd {
    fn name(&self) -> &'static str {
        "no-end"
    }

    async fn initiate(
        self: Arc<Self>,
        _topic: Topic,
        _tx: Writer<'a>,
        _rx: Reader<'a>,
        _app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        unreachable!("nobody announces a topic");
    }

    async fn accept(
        self: Arc<Self>,
        _tx: Writer<'a>,
        mut rx: Reader<'a>,
        mut app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        rx.read_exact(&mut [0]).await?;
        app_tx.send(FromSync::HandshakeSuccess(Topic)).await?;
        for number in 0..self.operations {
            let header = number.to_be_bytes().to_vec();
            let payload = None;
            app_tx.send(FromSync::Data { header, payload }).await?;
        }
        rx.read_exact(&mut [0]).await?;
        pending().await
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
