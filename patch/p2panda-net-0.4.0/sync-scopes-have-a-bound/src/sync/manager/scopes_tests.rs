// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the sync actor keeps, counted by copies of the topics in it, and whom it tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Sink, SinkExt};
use iroh::Endpoint;
use p2panda_core::PublicKey;
use p2panda_sync::{FromSync, SyncError, SyncProtocol, TopicQuery};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::engine::ToEngineActor;
use crate::sync::SyncConnection;
use crate::{ResyncConfiguration, SyncConfiguration};

use super::running_tests::{accepting, endpoint, in_time, key, stranger};
use super::{SyncActor, ToSyncActor};

#[tokio::test]
async fn announcements_of_ever_new_peers_leave_a_bounded_number_of_scopes() {
    let config = SyncConfiguration::new(FailsFirst::default()).max_retry_attempts(0);
    let mut ours = Node::start(config).await;
    let topic = Topic::default();
    for _ in 0..50 {
        for _ in 0..100 {
            ours.discovers(stranger(), &topic).await;
        }
        for _ in 0..100 {
            ours.told().await;
        }
    }
    let kept = topic.kept_at_most(4096).await;
    assert!(kept.is_ok(), "{kept:?} copies are kept");
}

#[tokio::test]
async fn a_scope_is_kept_once_however_often_its_session_is_reset() {
    let resync = ResyncConfiguration::new();
    let config = SyncConfiguration::new(FailsFirst::default()).resync(resync);
    let mut ours = Node::start(config).await;
    let (theirs, _serving) = peer().await;
    ours.knows(&theirs).await;
    let topic = Topic::default();
    ours.discovers(key(&theirs), &topic).await;
    for _ in 0..20 {
        while !matches!(ours.told().await, ToEngineActor::SyncDone { .. }) {}
        // A session that runs has more, so here it has ended.
        let kept = topic.kept_at_most(2).await;
        assert!(kept.is_ok(), "{kept:?} copies are kept");
        ours.inbox.send(ToSyncActor::Reset).await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_is_synced_in_between_may_fail_any_number_of_times() {
    let resync = ResyncConfiguration::new().interval(0).poll_interval(1);
    let config = SyncConfiguration::new(FailsFirst {
        failures: 1,
        ..Default::default()
    })
    .resync(resync)
    .max_retry_attempts(1)
    .retry_interval(0)
    .retry_poll_interval(1);
    let mut ours = Node::start(config).await;
    let (theirs, _serving) = peer().await;
    ours.knows(&theirs).await;
    ours.discovers(key(&theirs), &Topic::default()).await;
    for _ in 0..3 {
        while !matches!(ours.told().await, ToEngineActor::SyncDone { .. }) {}
    }
}

#[tokio::test]
async fn a_poll_interval_of_zero_does_not_end_the_actor() {
    let resync = ResyncConfiguration::new().poll_interval(0);
    let config = SyncConfiguration::new(FailsFirst::default())
        .resync(resync)
        .retry_poll_interval(0);
    let mut ours = Node::start(config).await;
    ours.discovers(stranger(), &Topic::default()).await;
    ours.told().await;
}

/// All topics are one, and know how many copies there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic {
    #[serde(skip)]
    copies: Arc<()>,
}

impl TopicQuery for Topic {}

impl Topic {
    /// Waits until there are so many copies besides this one, or gives their number after 20 seconds.
    async fn kept_at_most(&self, max: usize) -> Result<(), usize> {
        for _ in 0..1000 {
            if Arc::strong_count(&self.copies) - 1 <= max {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(Arc::strong_count(&self.copies) - 1)
    }
}

/// A sync actor on an endpoint of its own, and the engine's side of it.
struct Node {
    endpoint: Endpoint,
    inbox: mpsc::Sender<ToSyncActor<Topic>>,
    engine: mpsc::Receiver<ToEngineActor<Topic>>,
    _actor: JoinHandle<Result<()>>,
}

impl Node {
    async fn start(config: SyncConfiguration<Topic>) -> Self {
        let endpoint = endpoint().await;
        let (engine_tx, engine) = mpsc::channel(64);
        let (actor, inbox) = SyncActor::new(config, endpoint.clone(), engine_tx);
        Self {
            endpoint,
            inbox,
            engine,
            _actor: task::spawn(actor.run(CancellationToken::new())),
        }
    }

    async fn knows(&self, peer: &Endpoint) {
        let address = peer.node_addr().await.unwrap();
        self.endpoint.add_node_addr(address).unwrap();
    }

    async fn discovers(&self, peer: PublicKey, topic: &Topic) {
        let discovery = ToSyncActor::new_discovery(peer, topic.clone());
        in_time(self.inbox.send(discovery)).await.unwrap();
    }

    async fn told(&mut self) -> ToEngineActor<Topic> {
        in_time(self.engine.recv()).await.unwrap()
    }
}

async fn peer() -> (Endpoint, task::JoinSet<()>) {
    let (engine_tx, mut engine_rx) = mpsc::channel(64);
    let protocol = Arc::new(FailsFirst::default());
    let (peer, mut serving) = accepting(Arc::new(SyncConnection::new(protocol, engine_tx))).await;
    serving.spawn(async move { while engine_rx.recv().await.is_some() {} });
    (peer, serving)
}

/// Before each success it fails so many times.
#[derive(Debug, Default)]
struct FailsFirst {
    failures: usize,
    sessions: AtomicUsize,
}

type Writer<'a> = Box<&'a mut (dyn AsyncWrite + Send + Unpin)>;
type Reader<'a> = Box<&'a mut (dyn AsyncRead + Send + Unpin)>;
type ToApp<'a> = Box<&'a mut (dyn Sink<FromSync<Topic>, Error = SyncError> + Send + Unpin)>;

#[async_trait]
impl<'a> SyncProtocol<'a, Topic> for FailsFirst {
    fn name(&self) -> &'static str {
        "fails-first"
    }

    async fn initiate(
        self: Arc<Self>,
        topic: Topic,
        mut tx: Writer<'a>,
        _rx: Reader<'a>,
        mut app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        let before = self.sessions.fetch_add(1, Ordering::Relaxed);
        if before % (self.failures + 1) < self.failures {
            return Err(SyncError::UnexpectedBehaviour(
                "as the test wants it".into(),
            ));
        }
        tx.write_all(b"there is nothing to sync").await?;
        app_tx.send(FromSync::HandshakeSuccess(topic)).await
    }

    async fn accept(
        self: Arc<Self>,
        _tx: Writer<'a>,
        mut rx: Reader<'a>,
        _app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        rx.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }
}
