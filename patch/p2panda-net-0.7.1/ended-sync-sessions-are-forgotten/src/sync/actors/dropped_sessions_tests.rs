// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a topic manager keeps nothing of sessions which have ended.
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt::Debug;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::{Sink, Stream};
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use p2panda_core::{SigningKey, Topic};
use p2panda_store::SqliteStore;
use p2panda_sync::SessionConfig;
use p2panda_sync::manager::SessionTopicMap;
use p2panda_sync::protocols::{TopicHandshakeAcceptor, TopicHandshakeEvent};
use p2panda_sync::traits::{Manager, Protocol};
use ractor::ActorId;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use tokio::sync::{broadcast, oneshot};
use tokio::time::timeout;

use super::{TopicManager, TopicManagerState};
use crate::codec::{into_codec_sink, into_codec_stream};
use crate::sync::actors::poller::SyncPoller;
use crate::sync::actors::session::{SyncSession, SyncSessionMessage};
use crate::test_utils::{ApplicationArguments, TestTopicSyncManager, test_args};
use crate::{AddressBook, Endpoint};

const NODES: u64 = 16;

const PROTOCOL_ID: &[u8] = b"a session of its own";

const HANG_GUARD: Duration = Duration::from_secs(20);

async fn endpoint(args: &ApplicationArguments, address_book: AddressBook) -> Endpoint {
    let builder = Endpoint::builder(address_book).signing_key(args.signing_key.clone());
    let builder = builder.config(args.iroh_config.clone());
    builder.spawn().await.unwrap()
}

/// Agrees on the topic, and has nothing more to say.
#[derive(Debug)]
struct Agreeing;

impl ProtocolHandler for Agreeing {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let (tx, rx) = connection.accept_bi().await?;
        let (event_tx, _event_rx) = mpsc::channel::<TopicHandshakeEvent<Topic>>(8);
        TopicHandshakeAcceptor::new(event_tx)
            .run(&mut into_codec_sink(tx), &mut into_codec_stream(rx))
            .await
            .unwrap();
        connection.closed().await;
        Ok(())
    }
}

/// Succeeds at once.
struct Nothing {
    done: oneshot::Sender<()>,
}

impl Protocol for Nothing {
    type Output = ();
    type Error = Infallible;
    type Message = ();

    async fn run(
        self,
        _sink: &mut (impl Sink<(), Error = impl Debug> + Unpin),
        _stream: &mut (impl Stream<Item = Result<(), impl Debug>> + Unpin),
    ) -> Result<(), Infallible> {
        self.done.send(()).unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn the_actor_of_a_session_which_succeeded_stops() {
    let mut args = test_args();
    let remote = endpoint(&args, AddressBook::builder().spawn().await.unwrap()).await;
    remote.accept(PROTOCOL_ID, Agreeing).await.unwrap();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    address_book
        .insert_node_info(args.node_info())
        .await
        .unwrap();
    let endpoint = endpoint(&test_args(), address_book).await;

    let (actor, ended) =
        SyncSession::<Nothing>::spawn(None, (endpoint,), ThreadLocalActorSpawner::new())
            .await
            .unwrap();
    let (done, succeeded) = oneshot::channel();
    actor
        .send_message(SyncSessionMessage::Initiate {
            node_id: remote.node_id(),
            topic: Topic::random(),
            session_id: 0,
            protocol: Nothing { done },
            protocol_id: PROTOCOL_ID.to_vec(),
        })
        .unwrap();

    let succeeded = timeout(HANG_GUARD, succeeded).await;
    assert!(matches!(succeeded, Ok(Ok(()))), "the session failed");
    let ended = timeout(HANG_GUARD, ended).await;
    assert!(ended.is_ok(), "the actor stays");
}

#[tokio::test]
async fn an_ended_session_is_forgotten_with_its_node() {
    let args = test_args();
    let endpoint = Endpoint::builder(AddressBook::builder().spawn().await.unwrap())
        .config(args.iroh_config)
        .signing_key(args.signing_key)
        .spawn()
        .await
        .unwrap();

    let topic = Topic::random();
    let pool = ThreadLocalActorSpawner::new();
    let mut manager = TestTopicSyncManager::from_args(SqliteStore::temporary().await);
    let (events_tx, _events_rx) = broadcast::channel(4);
    let (sync_poller_actor, _handle) =
        SyncPoller::spawn(None, (manager.subscribe(), events_tx), pool.clone())
            .await
            .unwrap();
    let mut state = TopicManagerState {
        topic,
        manager,
        protocol_id: vec![1; 32],
        session_topic_map: SessionTopicMap::default(),
        node_session_map: HashMap::new(),
        active_sync_set: HashSet::new(),
        actor_session_id_map: HashMap::new(),
        next_session_id: 0,
        sync_poller_actor,
        endpoint,
        pool,
    };

    for pid in 0..NODES {
        let remote = SigningKey::generate().verifying_key();
        let config = SessionConfig {
            topic,
            remote,
            live_mode: true,
        };
        let (session_id, session) =
            TopicManager::new_session(&mut state, ActorId::Local(pid), remote, topic, config).await;
        drop(session);
        TopicManager::drop_session(&mut state, session_id);
    }

    assert_eq!(state.node_session_map.len(), 0);
    for session_id in 0..NODES {
        let kept = state.manager.session_handle(session_id).await.is_some();
        assert!(!kept, "session {session_id} is kept");
    }
}
