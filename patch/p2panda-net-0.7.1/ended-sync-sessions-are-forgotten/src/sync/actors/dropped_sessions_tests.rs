// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a topic manager keeps nothing of sessions which have ended.
use std::collections::{HashMap, HashSet};

use p2panda_core::{SigningKey, Topic};
use p2panda_store::SqliteStore;
use p2panda_sync::SessionConfig;
use p2panda_sync::manager::SessionTopicMap;
use p2panda_sync::traits::Manager;
use ractor::ActorId;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use tokio::sync::broadcast;

use super::{TopicManager, TopicManagerState};
use crate::sync::actors::poller::SyncPoller;
use crate::test_utils::{TestTopicSyncManager, test_args};
use crate::{AddressBook, Endpoint};

const NODES: u64 = 16;

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
