// SPDX-License-Identifier: MIT OR Apache-2.0

//! What holds a session up holds up nothing else. Real endpoints on loopback; an engine that reads
//! what it is told, or does not.

use std::future::pending;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{AsyncRead, AsyncWrite, Sink};
use iroh::{Endpoint, NodeAddr, RelayMode};
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use p2panda_sync::{FromSync, SyncError, SyncProtocol};
use tokio::sync::{Notify, mpsc};
use tokio::task::{self, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::engine::ToEngineActor;
use crate::protocols::ProtocolHandler;
use crate::sync::{SYNC_CONNECTION_ALPN, SyncConfiguration, SyncConnection};
use crate::{from_public_key, to_public_key};

use super::{SyncActor, ToSyncActor};

#[tokio::test]
async fn as_many_announcements_at_once_as_sessions_and_one_more_are_all_synced() {
    let (config, sessions) = (SyncConfiguration::new(PingPongProtocol {}), 128 + 1);
    let mut ours = Node::start(config, 64).await;
    let (theirs, _serving) = peer(PingPongProtocol {}).await;
    ours.knows(&theirs).await;

    for session in 0..sessions {
        let topic = SyncTestTopic::new(&session.to_string());
        ours.discovers(key(&theirs), topic).await;
    }
    for _ in 0..sessions {
        while !matches!(ours.told().await, ToEngineActor::SyncDone { .. }) {}
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_keeps_no_other_waiting() {
    let mut ours = Node::start(SyncConfiguration::new(PingPongProtocol {}), 64).await;
    let (theirs, _serving) = peer(PingPongProtocol {}).await;
    let (dead, _socket) = dead_peer();
    ours.knows(&theirs).await;
    ours.endpoint.add_node_addr(dead.clone()).unwrap();

    let topic = SyncTestTopic::new("chat");
    ours.discovers(to_public_key(dead.node_id), topic.clone())
        .await;
    ours.discovers(key(&theirs), topic).await;
    let ToEngineActor::SyncStart { peer, .. } = ours.told().await else {
        panic!("the first to be heard of is not the peer that answers");
    };
    assert_eq!(peer, key(&theirs));
}

#[tokio::test]
async fn an_engine_that_does_not_read_keeps_the_actor_from_nothing() {
    let ours = Node::start(SyncConfiguration::new(PingPongProtocol {}), 1).await;
    for session in 0..600 {
        let topic = SyncTestTopic::new(&session.to_string());
        ours.discovers(stranger(), topic).await;
    }
    ours.ends().await;
}

#[tokio::test]
async fn an_actor_that_is_shut_down_takes_its_sessions_along() {
    let protocol = ByTopic::default();
    let (stuck, dropped) = (protocol.stuck.clone(), protocol.dropped.clone());
    let ours = Node::start(SyncConfiguration::new(protocol), 64).await;
    let (theirs, _serving) = peer(PingPongProtocol {}).await;
    ours.knows(&theirs).await;

    ours.discovers(key(&theirs), SyncTestTopic::new("stuck"))
        .await;
    in_time(stuck.notified()).await;
    ours.ends().await;
    in_time(dropped.notified()).await;
}

#[tokio::test]
async fn a_protocol_that_panics_fails_its_session_and_not_the_actor() {
    let mut ours = Node::start(SyncConfiguration::new(ByTopic::default()), 64).await;
    let (theirs, _serving) = peer(PingPongProtocol {}).await;
    ours.knows(&theirs).await;

    for topic in ["boom", "chat"] {
        ours.discovers(key(&theirs), SyncTestTopic::new(topic))
            .await;
    }
    loop {
        if let ToEngineActor::SyncDone { topic, .. } = ours.told().await {
            assert_eq!(topic, SyncTestTopic::new("chat"));
            break;
        }
    }
    ours.ends().await;
}

/// A sync actor on an endpoint of its own, and the engine's side of it.
pub(in crate::sync) struct Node {
    pub(in crate::sync) endpoint: Endpoint,
    pub(in crate::sync) inbox: mpsc::Sender<ToSyncActor<SyncTestTopic>>,
    pub(in crate::sync) engine: mpsc::Receiver<ToEngineActor<SyncTestTopic>>,
    token: CancellationToken,
    actor: JoinHandle<bool>,
}

impl Node {
    pub(in crate::sync) async fn start(
        config: SyncConfiguration<SyncTestTopic>,
        engine_inbox: usize,
    ) -> Self {
        let endpoint = endpoint().await;
        let (engine_tx, engine) = mpsc::channel(engine_inbox);
        let (actor, inbox) = SyncActor::new(config, endpoint.clone(), engine_tx);
        let token = CancellationToken::new();
        let running = actor.run(token.clone());
        Self {
            endpoint,
            inbox,
            engine,
            token,
            actor: task::spawn(async move { running.await.is_ok() }),
        }
    }

    pub(in crate::sync) async fn knows(&self, peer: &Endpoint) {
        let address = peer.node_addr().await.unwrap();
        self.endpoint.add_node_addr(address).unwrap();
    }

    pub(in crate::sync) async fn discovers(&self, peer: PublicKey, topic: SyncTestTopic) {
        let discovery = ToSyncActor::new_discovery(peer, topic);
        in_time(self.inbox.send(discovery)).await.unwrap();
    }

    pub(in crate::sync) async fn told(&mut self) -> ToEngineActor<SyncTestTopic> {
        in_time(self.engine.recv()).await.unwrap()
    }

    async fn ends(self) {
        self.token.cancel();
        assert!(in_time(self.actor).await.unwrap());
    }
}

/// A peer that accepts sync sessions, until its task is dropped.
pub(in crate::sync) async fn peer(
    protocol: impl for<'a> SyncProtocol<'a, SyncTestTopic> + 'static,
) -> (Endpoint, task::JoinSet<()>) {
    let (engine_tx, mut engine_rx) = mpsc::channel(64);
    let handler = SyncConnection::new(Arc::new(protocol), engine_tx);
    let (peer, mut serving) = accepting(Arc::new(handler)).await;
    serving.spawn(async move { while engine_rx.recv().await.is_some() {} });
    (peer, serving)
}

/// An endpoint whose connections go to this handler, until its task is dropped.
pub(in crate::sync) async fn accepting(
    handler: Arc<dyn ProtocolHandler>,
) -> (Endpoint, task::JoinSet<()>) {
    let endpoint = endpoint().await;
    let alpns = vec![SYNC_CONNECTION_ALPN.to_vec()];
    endpoint.set_alpns(alpns).unwrap();
    let mut serving = task::JoinSet::new();
    serving.spawn({
        let endpoint = endpoint.clone();
        async move {
            let mut connections = task::JoinSet::new();
            while let Some(incoming) = endpoint.accept().await {
                if let Ok(connecting) = incoming.accept() {
                    let handled = handler.clone().accept(connecting);
                    connections.spawn(async move { handled.await.is_ok() });
                }
            }
        }
    });
    (endpoint, serving)
}

pub(in crate::sync) async fn endpoint() -> Endpoint {
    Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap()
}

/// The address of a peer that hears all and says nothing, as long as its socket is kept.
fn dead_peer() -> (NodeAddr, UdpSocket) {
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = NodeAddr::new(from_public_key(stranger()));
    let address = address.with_direct_addresses([socket.local_addr().unwrap()]);
    (address, socket)
}

pub(in crate::sync) fn stranger() -> PublicKey {
    PrivateKey::new().public_key()
}

pub(in crate::sync) fn key(endpoint: &Endpoint) -> PublicKey {
    to_public_key(endpoint.node_id())
}

/// A test that waits has failed after a minute: a dial to a peer that is dead gives up in half of it.
pub(in crate::sync) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let waited = timeout(Duration::from_secs(60), future).await;
    waited.expect("it takes longer than a minute")
}

pub(in crate::sync) type Writer<'a> = Box<&'a mut (dyn AsyncWrite + Send + Unpin)>;
pub(in crate::sync) type Reader<'a> = Box<&'a mut (dyn AsyncRead + Send + Unpin)>;
pub(in crate::sync) type ToApp<'a> =
    Box<&'a mut (dyn Sink<FromSync<SyncTestTopic>, Error = SyncError> + Send + Unpin)>;

/// Goes by the topic: "boom" panics, "stuck" neither ends nor says anything, and any other is played as
/// ping-pong.
#[derive(Debug, Default)]
pub(in crate::sync) struct ByTopic {
    pub(in crate::sync) stuck: Arc<Notify>,
    pub(in crate::sync) dropped: Arc<Notify>,
}

#[async_trait]
impl<'a> SyncProtocol<'a, SyncTestTopic> for ByTopic {
    fn name(&self) -> &'static str {
        "by-topic"
    }

    async fn initiate(
        self: Arc<Self>,
        topic: SyncTestTopic,
        tx: Writer<'a>,
        rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        if topic == SyncTestTopic::new("boom") {
            panic!("as the test wants it");
        }
        if topic == SyncTestTopic::new("stuck") {
            let _dropped = Notifies(self.dropped.clone());
            self.stuck.notify_one();
            return pending().await;
        }
        let protocol = Arc::new(PingPongProtocol {});
        protocol.initiate(topic, tx, rx, app_tx).await
    }

    async fn accept(
        self: Arc<Self>,
        tx: Writer<'a>,
        rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        Arc::new(PingPongProtocol {}).accept(tx, rx, app_tx).await
    }
}

struct Notifies(Arc<Notify>);

impl Drop for Notifies {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
