// SPDX-License-Identifier: MIT OR Apache-2.0

//! Peers that begin sync sessions and do not come to an end with them.

mod common;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use async_trait::async_trait;
use common::{Topic, builder, in_time};
use iroh::endpoint::{Connection, ConnectionError, RecvStream, SendStream};
use iroh::{Endpoint, RelayMode};
use p2panda_core::cbor::encode_cbor;
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_net::{Network, SyncConfiguration};
use p2panda_store::MemoryStore;
use p2panda_sync::log_sync::{LogSyncProtocol, TopicLogMap};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};

const MINUTE: Duration = Duration::from_secs(60);

/// Begins a session, as the stream of one that nothing is said on is not seen.
const FIRST: [u8; 1] = [0xa2];

#[tokio::test]
async fn a_peer_has_four_sessions_and_is_told_why_there_is_no_fifth() {
    let (network, peer) = (node().await, endpoint().await);
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(Session::begin(&network, &peer, &FIRST).await);
    }
    let fifth = Session::begin(&network, &peer, &FIRST).await;
    let closed = in_time(fifth.connection.closed()).await;
    let ConnectionError::ApplicationClosed(reason) = closed else {
        panic!("the fifth is {closed:?}");
    };
    assert_eq!(&reason.reason[..], b"too many sync sessions of one peer");
    for session in &sessions {
        assert!(session.connection.close_reason().is_none());
    }

    // Another peer is not refused, and nor is this one when a session of it has ended.
    let other = Session::begin(&network, &endpoint().await, &FIRST).await;
    sessions.remove(0).connection.close(0u32.into(), b"");
    let mut accepted = Session::begin(&network, &peer, &FIRST).await;
    while timeout(Duration::from_secs(1), accepted.connection.closed())
        .await
        .is_ok()
    {
        accepted = Session::begin(&network, &peer, &FIRST).await;
    }
    assert!(other.connection.close_reason().is_none());
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_peer_that_connects_and_begins_no_session_is_let_go_after_ten_seconds() {
    let (network, peer) = (node().await, endpoint().await);
    let address = network.endpoint().node_addr().await.unwrap();
    let connecting = peer.connect(address, b"/p2panda-net-sync/0");
    let connection = in_time(connecting).await.unwrap();

    tokio::time::pause();
    let closed = timeout(MINUTE, connection.closed()).await;
    tokio::time::resume();
    assert!(
        matches!(closed, Ok(ConnectionError::ApplicationClosed(_))),
        "{closed:?}"
    );
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_session_that_drips_a_byte_a_second_has_two_minutes_to_its_handshake() {
    let (network, peer) = (node().await, endpoint().await);
    let have = have("x".repeat(10_000));
    let session = Session::begin(&network, &peer, &have[..1]).await;
    let lasted = session.drip(&have[1..]).await;
    assert!(
        (MINUTE..3 * MINUTE).contains(&lasted),
        "it lasts {lasted:?}"
    );
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_session_that_drips_a_byte_a_second_has_a_quarter_of_an_hour() {
    let (network, peer) = (node().await, endpoint().await);
    let session = Session::begin(&network, &peer, &have(String::new())).await;
    let data = encode_cbor(&Message::Data(vec![0; 10_000], None)).unwrap();
    let lasted = session.drip(&data).await;
    assert!(
        (14 * MINUTE..16 * MINUTE).contains(&lasted),
        "it lasts {lasted:?}"
    );
    network.shutdown().await.unwrap();
}

/// What a peer may say in a session of log sync.
#[derive(Serialize)]
#[serde(tag = "type", content = "value")]
enum Message {
    Have(Topic, Vec<(PublicKey, Vec<(String, u64)>)>),
    Data(Vec<u8>, Option<Vec<u8>>),
}

/// The message that completes the handshake: it has a log of this name.
fn have(log: String) -> Vec<u8> {
    let logs = vec![(PrivateKey::new().public_key(), vec![(log, 0)])];
    encode_cbor(&Message::Have(Topic, logs)).unwrap()
}

/// A session as its peer has it.
struct Session {
    connection: Connection,
    stream: SendStream,
    _unread: RecvStream,
}

impl Session {
    async fn begin(network: &Network<Topic>, peer: &Endpoint, said: &[u8]) -> Self {
        let address = network.endpoint().node_addr().await.unwrap();
        let connecting = peer.connect(address, b"/p2panda-net-sync/0");
        let connection = in_time(connecting).await.unwrap();
        let (mut stream, unread) = connection.open_bi().await.unwrap();
        // Where there is no place for it, it may be too late.
        stream.write_all(said).await.ok();
        Self {
            connection,
            stream,
            _unread: unread,
        }
    }

    /// Says a byte of this each second, and returns how long the other side bears it.
    async fn drip(mut self, message: &[u8]) -> Duration {
        tokio::time::pause();
        let begun = Instant::now();
        for byte in &message[..20 * 60] {
            if self.stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        tokio::time::resume();
        begun.elapsed()
    }
}

/// A node with log sync, and a topic that has no logs.
async fn node() -> Network<Topic> {
    let protocol = LogSyncProtocol::new(NoLogs, MemoryStore::<String, ()>::new());
    let builder = builder().sync(SyncConfiguration::new(protocol));
    builder.build().await.unwrap()
}

#[derive(Debug)]
struct NoLogs;

#[async_trait]
impl TopicLogMap<Topic, String> for NoLogs {
    async fn get(&self, _topic: &Topic) -> Option<HashMap<PublicKey, Vec<String>>> {
        Some(HashMap::new())
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
