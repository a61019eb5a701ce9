// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every handshake is followed by one message that releases its lock, and without a handshake there is
//! none, however a session ends. Over real connections on loopback, where a peer can bring it about.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use futures_lite::future::Boxed as BoxedFuture;
use futures_util::SinkExt;
use futures_util::io::Cursor;
use iroh::Endpoint;
use iroh::endpoint::{Connecting, RecvStream, SendStream};
use p2panda_core::PublicKey;
use p2panda_core::cbor::encode_cbor;
use p2panda_store::MemoryStore;
use p2panda_sync::log_sync::{LogSyncProtocol, TopicLogMap};
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use p2panda_sync::{FromSync, SyncError, SyncProtocol};
use serde::Serialize;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::engine::ToEngineActor;
use crate::protocols::ProtocolHandler;
use crate::sync::manager::running_tests::{
    Node, Reader, ToApp, Writer, accepting, endpoint, in_time, key, peer, stranger,
};
use crate::sync::{SYNC_CONNECTION_ALPN, SyncConfiguration, SyncConnection, accept_sync};
use crate::to_public_key;

#[tokio::test]
async fn a_peer_that_says_twice_what_it_has_holds_no_lock() {
    let mut ours = LogNode::start().await;
    let (mut stream, _unread) = ours.connect().await;
    let have = encode_cbor(&Message::Have(chat(), vec![])).unwrap();
    stream.write_all(&have).await.unwrap();
    ours.is_told_of_handshake().await;
    stream.write_all(&have).await.unwrap();

    // The peer says no more, and leaves the connection open.
    let released = in_time(ours.engine.recv()).await.unwrap();
    let ToEngineActor::SyncFailed { topic, .. } = released else {
        panic!("a failure is to be told, not {released:?}");
    };
    assert_eq!(topic, Some(chat()));
}

#[tokio::test]
async fn an_accepted_session_that_is_cancelled_is_told_as_failed() {
    let mut ours = LogNode::start().await;
    let (mut stream, _unread) = ours.connect().await;
    let have = encode_cbor(&Message::Have(chat(), vec![])).unwrap();
    stream.write_all(&have).await.unwrap();
    ours.is_told_of_handshake().await;

    ours.serving.abort_all();
    let released = in_time(ours.engine.recv()).await.unwrap();
    let ToEngineActor::SyncFailed { topic, .. } = released else {
        panic!("a failure is to be told, not {released:?}");
    };
    assert_eq!(topic, Some(chat()));
}

#[tokio::test]
async fn an_attempt_that_reaches_nobody_releases_no_lock() {
    let mut ours = Node::start(SyncConfiguration::new(PingPongProtocol {}), 64).await;
    ours.discovers(stranger(), chat()).await;
    assert!(!releases(&ours.told().await));
}

#[tokio::test]
async fn a_session_whose_streams_break_after_it_was_done_releases_its_lock_once() {
    let config = SyncConfiguration::new(PingPongProtocol {});
    let config = config.retry_interval(0).retry_poll_interval(1);
    let mut ours = Node::start(config, 64).await;
    let (theirs, _serving) = accepting(Arc::new(HangsUp)).await;
    ours.knows(&theirs).await;
    ours.discovers(key(&theirs), chat()).await;

    // That they broke is seen by the next attempt.
    let mut told = Vec::new();
    while told.iter().filter(|message| starts(message)).count() < 2 {
        told.push(ours.told().await);
    }
    let released = told.iter().filter(|message| releases(message)).count();
    assert_eq!(released, 1, "{told:?}");
}

#[tokio::test]
async fn a_protocol_that_panics_after_its_handshake_releases_its_lock() {
    let protocol = Script {
        data: 0,
        sent: None,
    };
    let mut ours = Node::start(SyncConfiguration::new(protocol), 64).await;
    let (theirs, _serving) = peer(PingPongProtocol {}).await;
    ours.knows(&theirs).await;
    ours.discovers(key(&theirs), chat()).await;

    while !locks(&ours.told().await) {}
    assert!(releases(&ours.told().await));
}

#[tokio::test]
async fn a_session_that_is_cancelled_still_hands_over_what_it_has_brought() {
    let sent = Arc::new(Notify::new());
    let protocol = Script {
        data: 5,
        sent: Some(sent.clone()),
    };
    // The engine reads nothing before the session is gone.
    let (engine_tx, mut engine_rx) = mpsc::channel(1);
    let (mut writer, mut reader) = (Cursor::new(vec![]), Cursor::new(vec![]));
    let accepted = accept_sync(
        &mut writer,
        &mut reader,
        stranger(),
        Arc::new(protocol),
        engine_tx,
    );
    tokio::select! {
        _ = accepted => panic!("it does not end by itself"),
        _ = sent.notified() => {}
    }

    let mut brought = 0;
    while let Some(message) = in_time(engine_rx.recv()).await {
        brought += usize::from(matches!(message, ToEngineActor::SyncMessage { .. }));
    }
    assert_eq!(brought, 5);
}

fn starts(message: &ToEngineActor<SyncTestTopic>) -> bool {
    matches!(message, ToEngineActor::SyncStart { .. })
}

fn locks(message: &ToEngineActor<SyncTestTopic>) -> bool {
    matches!(message, ToEngineActor::SyncHandshakeSuccess { .. })
}

fn releases(message: &ToEngineActor<SyncTestTopic>) -> bool {
    match message {
        ToEngineActor::SyncDone { .. } => true,
        ToEngineActor::SyncFailed { topic, .. } => topic.is_some(),
        _ => false,
    }
}

fn chat() -> SyncTestTopic {
    SyncTestTopic::new("chat")
}

/// What a peer may say in a session of log sync.
#[derive(Serialize)]
#[serde(tag = "type", content = "value")]
enum Message {
    Have(SyncTestTopic, Vec<(PublicKey, Vec<(String, u64)>)>),
}

/// Accepts sessions of log sync, with a topic that has no logs.
struct LogNode {
    endpoint: Endpoint,
    serving: JoinSet<()>,
    engine: mpsc::Receiver<ToEngineActor<SyncTestTopic>>,
    peer: Endpoint,
}

impl LogNode {
    async fn start() -> Self {
        let (engine_tx, engine) = mpsc::channel(64);
        let protocol = LogSyncProtocol::new(NoLogs, MemoryStore::<String, ()>::new());
        let handler = SyncConnection::new(Arc::new(protocol), engine_tx);
        let (endpoint, serving) = accepting(Arc::new(handler)).await;
        Self {
            endpoint,
            serving,
            engine,
            peer: self::endpoint().await,
        }
    }

    /// A session of the peer: what it says, and what it hears.
    async fn connect(&self) -> (SendStream, RecvStream) {
        let address = self.endpoint.node_addr().await.unwrap();
        let connecting = self.peer.connect(address, SYNC_CONNECTION_ALPN);
        let connection = in_time(connecting).await.unwrap();
        connection.open_bi().await.unwrap()
    }

    async fn is_told_of_handshake(&mut self) {
        assert!(starts(&in_time(self.engine.recv()).await.unwrap()));
        assert!(locks(&in_time(self.engine.recv()).await.unwrap()));
    }
}

#[derive(Debug)]
struct NoLogs;

#[async_trait]
impl TopicLogMap<SyncTestTopic, String> for NoLogs {
    async fn get(&self, _topic: &SyncTestTopic) -> Option<HashMap<PublicKey, Vec<String>>> {
        Some(HashMap::new())
    }
}

/// A peer that syncs, waits until the other has ended its stream, and closes the connection instead of
/// ending its own.
#[derive(Debug)]
struct HangsUp;

impl ProtocolHandler for HangsUp {
    fn accept(self: Arc<Self>, connecting: Connecting) -> BoxedFuture<Result<()>> {
        Box::pin(async move {
            let connection = connecting.await?;
            let (mut send, mut recv) = connection.accept_bi().await?;
            let (engine_tx, _engine_rx) = mpsc::channel(16);
            let initiator = to_public_key(connection.remote_node_id()?);
            let protocol = Arc::new(PingPongProtocol {});
            accept_sync(&mut send, &mut recv, initiator, protocol, engine_tx).await?;
            recv.read_to_end(0).await?;
            connection.close(0u32.into(), b"bye");
            Ok(())
        })
    }
}

/// In both roles: a handshake and so much data, then it waits for ever if somebody is to be told that
/// all was sent, and panics otherwise.
#[derive(Debug)]
struct Script {
    data: usize,
    sent: Option<Arc<Notify>>,
}

impl Script {
    async fn play(&self, mut app_tx: ToApp<'_>) -> Result<(), SyncError> {
        app_tx.send(FromSync::HandshakeSuccess(chat())).await?;
        for _ in 0..self.data {
            let (header, payload) = (vec![1], None);
            app_tx.send(FromSync::Data { header, payload }).await?;
        }
        let Some(sent) = &self.sent else {
            panic!("as the test wants it");
        };
        sent.notify_one();
        pending().await
    }
}

#[async_trait]
impl<'a> SyncProtocol<'a, SyncTestTopic> for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    async fn initiate(
        self: Arc<Self>,
        _topic: SyncTestTopic,
        _tx: Writer<'a>,
        _rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        self.play(app_tx).await
    }

    async fn accept(
        self: Arc<Self>,
        _tx: Writer<'a>,
        _rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        self.play(app_tx).await
    }
}
