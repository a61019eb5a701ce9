// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that the event stream of a manager keeps nothing of sessions which have ended.
use futures_channel::mpsc;
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, SinkExt, StreamExt};
use p2panda_core::{SigningKey, Topic};
use tokio::sync::broadcast;

use crate::dedup::DeduplicationBuffer;
use crate::manager::event_stream::{ManagerEventStream, ManagerEventStreamState};
use crate::manager::{SessionStream, SessionTopicMap};
use crate::protocols::TopicLogSyncEvent;

const SESSIONS: u64 = 32;

#[tokio::test]
async fn an_ended_session_leaves_the_event_stream() {
    let (mut manager_tx, manager_rx) = mpsc::channel(1);
    let mut stream: ManagerEventStream<Topic, ()> = ManagerEventStream {
        state: Some(ManagerEventStreamState {
            manager_rx,
            session_rx_set: SelectAll::new(),
            session_topic_map: SessionTopicMap::default(),
            dedup: DeduplicationBuffer::default(),
        }),
        pending: None,
    };

    for session_id in 0..SESSIONS {
        let (event_tx, event_rx) = broadcast::channel(4);
        let (live_tx, _live_rx) = mpsc::channel(1);
        manager_tx
            .send(SessionStream {
                session_id,
                topic: Topic::random(),
                remote: SigningKey::generate().verifying_key(),
                event_rx,
                live_tx,
            })
            .await
            .unwrap();
        event_tx.send(TopicLogSyncEvent::LiveModeStarted).unwrap();
        drop(event_tx);

        let event = stream.next().await.unwrap();
        assert_eq!(event.session_id(), session_id);
    }

    // Nothing is left to be told.
    assert!(stream.next().now_or_never().is_none());

    drop(manager_tx);
    assert!(stream.next().await.is_none());

    let state = stream.state.unwrap();
    assert_eq!(state.session_rx_set.len(), 0);
    assert_eq!(state.session_topic_map.session_tx_map.len(), 0);
    assert_eq!(state.session_topic_map.topic_session_map.len(), 0);
}
