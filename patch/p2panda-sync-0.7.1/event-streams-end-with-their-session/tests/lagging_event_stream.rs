// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that an event stream which is read too seldom loses events, but does not stand still.
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use p2panda_core::{SigningKey, Topic};
use p2panda_store::SqliteStore;
use p2panda_sync::SessionConfig;
use p2panda_sync::manager::TopicSyncManager;
use p2panda_sync::protocols::TopicLogSyncEvent;
use p2panda_sync::traits::Manager;
use tokio::time::timeout;

type TestManager = TopicSyncManager<Topic, SqliteStore, u64, ()>;

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_event_stream_which_lagged_behind_goes_on() {
    let mut manager = TestManager::new(SqliteStore::temporary().await);
    let mut events = manager.subscribe();

    let config = SessionConfig {
        topic: Topic::random(),
        remote: SigningKey::generate().verifying_key(),
        live_mode: true,
    };

    // More events than the session's channel holds.
    let session = manager.session(0, &config).await;
    for _ in 0..5000 {
        session
            .event_tx
            .send(TopicLogSyncEvent::LiveModeStarted)
            .unwrap();
    }

    let event = timeout(HANG_GUARD, events.next()).await.unwrap().unwrap();
    assert_eq!(event.session_id(), 0);

    while let Some(event) = events.next().now_or_never() {
        event.unwrap();
    }
}
