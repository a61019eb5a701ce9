// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a sync session which failed holds up nothing but its own retry.
use std::time::{Duration, Instant};

use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use p2panda_core::Topic;
use p2panda_store::SqliteStore;
use p2panda_sync::traits::Manager;
use ractor::ActorRef;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{sleep, timeout};

use super::{RETRY_RATE, ToTopicManager, TopicManager};
use crate::test_utils::{ApplicationArguments, TestTopicSyncManager, test_args};
use crate::{AddressBook, Endpoint, NodeId};

const PROTOCOL_ID: &[u8] = b"a session which fails";

/// One after the other they take the manager a hundred seconds, when it waits for each.
const FAILING: usize = 20;

const HANG_GUARD: Duration = Duration::from_secs(40);

type Manages = ActorRef<ToTopicManager<<TestTopicSyncManager as Manager<Topic>>::Message>>;

/// A node that tells of every connection, and closes it at once.
struct Refusing {
    endpoint: Endpoint,
    args: ApplicationArguments,
    connected: mpsc::UnboundedReceiver<Instant>,
}

#[derive(Debug)]
struct Refuse(mpsc::UnboundedSender<Instant>);

impl ProtocolHandler for Refuse {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let _ = self.0.send(Instant::now());
        connection.close(0u32.into(), b"no");
        Ok(())
    }
}

impl Refusing {
    async fn spawn() -> Self {
        let args = test_args();
        let endpoint = endpoint(&args, AddressBook::builder().spawn().await.unwrap()).await;
        let (tx, connected) = mpsc::unbounded_channel();
        endpoint.accept(PROTOCOL_ID, Refuse(tx)).await.unwrap();
        Self {
            endpoint,
            args,
            connected,
        }
    }

    async fn connected(&mut self) -> Instant {
        let connected = timeout(HANG_GUARD, self.connected.recv()).await;
        connected.expect("nobody connects").unwrap()
    }
}

async fn endpoint(args: &ApplicationArguments, address_book: AddressBook) -> Endpoint {
    let builder = Endpoint::builder(address_book).signing_key(args.signing_key.clone());
    let builder = builder.config(args.iroh_config.clone());
    builder.spawn().await.unwrap()
}

/// Returns a topic manager which knows where the nodes are.
async fn manager<const N: usize>(topic: Topic, nodes: [&mut Refusing; N]) -> Manages {
    let address_book = AddressBook::builder().spawn().await.unwrap();
    for node in nodes {
        let known = node.args.node_info();
        address_book.insert_node_info(known).await.unwrap();
    }
    let endpoint = endpoint(&test_args(), address_book).await;
    let store = SqliteStore::temporary().await;
    let (events_tx, _events_rx) = broadcast::channel(4);
    let args = (PROTOCOL_ID.to_vec(), topic, store, events_tx, endpoint);
    let (manager, _handle) =
        TopicManager::<TestTopicSyncManager>::spawn(None, args, ThreadLocalActorSpawner::new())
            .await
            .unwrap();
    manager
}

fn initiate(manager: &Manages, node_id: NodeId, topic: Topic) {
    let message = ToTopicManager::Initiate {
        node_id,
        topic,
        live_mode: true,
    };
    manager.send_message(message).unwrap();
}

/// Begins sessions with a node which closes them all, and waits until it did.
async fn fail_with(manager: &Manages, failing: &mut Refusing, topic: Topic) {
    for _ in 0..FAILING {
        initiate(manager, failing.endpoint.node_id(), topic);
    }
    for _ in 0..FAILING {
        failing.connected().await;
    }
}

#[tokio::test]
async fn other_nodes_are_synced_with_while_failed_sessions_wait_for_their_retry() {
    let topic = Topic::random();
    let (mut failing, mut other) = (Refusing::spawn().await, Refusing::spawn().await);
    let manager = manager(topic, [&mut failing, &mut other]).await;
    fail_with(&manager, &mut failing, topic).await;
    // By now some of them have failed on this side too.
    sleep(Duration::from_secs(1)).await;

    initiate(&manager, other.endpoint.node_id(), topic);

    other.connected().await;
}

#[tokio::test]
async fn a_node_is_retried_once_no_matter_how_many_sessions_with_it_failed() {
    let topic = Topic::random();
    let mut failing = Refusing::spawn().await;
    let manager = manager(topic, [&mut failing]).await;
    fail_with(&manager, &mut failing, topic).await;

    let first = failing.connected().await;
    let second = failing.connected().await;

    // Timers are late under load, and never early.
    assert!(second - first > RETRY_RATE / 2, "retried twice");
}
