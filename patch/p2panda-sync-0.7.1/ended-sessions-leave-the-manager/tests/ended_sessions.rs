// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a manager keeps nothing of sessions which have ended.
use std::time::Duration;

use futures_util::StreamExt;
use p2panda_core::{SigningKey, Topic};
use p2panda_store::SqliteStore;
use p2panda_sync::SessionConfig;
use p2panda_sync::manager::TopicSyncManager;
use p2panda_sync::protocols::TopicLogSyncEvent;
use p2panda_sync::traits::Manager;
use tokio::time::timeout;

type TestManager = TopicSyncManager<Topic, SqliteStore, u64, ()>;

const SESSIONS: u64 = 32;

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(30);

async fn manager() -> TestManager {
    TestManager::new(SqliteStore::temporary().await)
}

fn config() -> SessionConfig<Topic> {
    SessionConfig {
        topic: Topic::random(),
        remote: SigningKey::generate().verifying_key(),
        live_mode: true,
    }
}

#[tokio::test]
async fn an_ended_session_leaves_the_manager() {
    let mut manager = manager().await;

    for session_id in 0..SESSIONS {
        let session = manager.session(session_id, &config()).await;
        drop(session);
    }

    let mut kept = 0;
    for session_id in 0..SESSIONS {
        kept += usize::from(manager.session_handle(session_id).await.is_some());
    }
    assert!(kept <= 1, "{kept} of {SESSIONS} ended sessions are kept");
}

#[tokio::test]
async fn the_events_of_an_ended_session_are_freed() {
    let mut manager = manager().await;

    let session = manager.session(0, &config()).await;
    let event_tx = session.event_tx.downgrade();
    assert!(event_tx.upgrade().is_some());

    drop(session);
    assert!(event_tx.upgrade().is_none());
}

#[tokio::test]
async fn a_running_session_stays() {
    let mut manager = manager().await;

    let first = manager.session(0, &config()).await;
    let _second = manager.session(1, &config()).await;
    let mut events = manager.subscribe();

    assert!(manager.session_handle(0).await.is_some());
    first
        .event_tx
        .send(TopicLogSyncEvent::LiveModeStarted)
        .unwrap();
    let event = timeout(HANG_GUARD, events.next()).await.unwrap().unwrap();
    assert_eq!(event.session_id(), 0);
}
