// SPDX-License-Identifier: MIT OR Apache-2.0

//! Remote peers that say things twice, too early or too late.
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::channel::mpsc;
use futures::io::Cursor;
use futures::{SinkExt, StreamExt};
use p2panda_core::cbor::encode_cbor;
use p2panda_store::MemoryStore;
use serde::{Deserialize, Serialize};

use crate::{FromSync, SyncError, SyncProtocol, TopicQuery};

use super::{LogSyncProtocol, Logs, Message, TopicLogMap};

#[tokio::test]
async fn a_second_have_ends_the_session_and_is_no_handshake() {
    let (result, told) = accept(&[have(), have(), Message::Done]).await;
    assert_is_unexpected(result);
    assert_eq!(told, [FromSync::HandshakeSuccess(Chat)]);
}

#[tokio::test]
async fn nothing_is_accepted_before_the_handshake() {
    for early in [data(), Message::Done] {
        let (result, told) = accept(&[early, have(), Message::Done]).await;
        assert_is_unexpected(result);
        assert_eq!(told, []);
    }
}

#[tokio::test]
async fn what_comes_after_done_ends_the_session_of_an_initiator() {
    for late in [data(), Message::Done] {
        let (result, told) = initiate(&[data(), Message::Done, late, have()]).await;
        assert_is_unexpected(result);
        assert_eq!(told.len(), 2, "{told:?}");
    }
}

#[tokio::test]
async fn messages_in_order_complete_a_session() {
    let (result, told) = accept(&[have(), data(), data(), Message::Done]).await;
    assert_eq!((result, told.len()), (Ok(()), 3));
    let (result, told) = initiate(&[data(), data(), Message::Done, have()]).await;
    assert_eq!((result, told.len()), (Ok(()), 3));
}

fn assert_is_unexpected(result: Result<(), SyncError>) {
    assert!(
        matches!(result, Err(SyncError::UnexpectedBehaviour(_))),
        "{result:?}"
    );
}

fn have() -> Message<Chat, u64> {
    Message::Have(Chat, vec![])
}

fn data() -> Message<Chat, u64> {
    Message::Data(vec![1], None)
}

/// A session with a peer that opens it and says this: how it ends, and what the application is told.
async fn accept(said: &[Message<Chat, u64>]) -> (Result<(), SyncError>, Vec<FromSync<Chat>>) {
    let (app_tx, app_rx) = mpsc::unbounded();
    let mut app_tx = app_tx.sink_map_err(|err| SyncError::Critical(err.to_string()));
    let result = protocol()
        .accept(
            Box::new(&mut Cursor::new(Vec::new())),
            Box::new(&mut Cursor::new(encode(said))),
            Box::new(&mut app_tx),
        )
        .await;
    drop(app_tx);
    (result, app_rx.collect().await)
}

/// As above, and the session is ours.
async fn initiate(said: &[Message<Chat, u64>]) -> (Result<(), SyncError>, Vec<FromSync<Chat>>) {
    let (app_tx, app_rx) = mpsc::unbounded();
    let mut app_tx = app_tx.sink_map_err(|err| SyncError::Critical(err.to_string()));
    let result = protocol()
        .initiate(
            Chat,
            Box::new(&mut Cursor::new(Vec::new())),
            Box::new(&mut Cursor::new(encode(said))),
            Box::new(&mut app_tx),
        )
        .await;
    drop(app_tx);
    (result, app_rx.collect().await)
}

fn protocol() -> Arc<LogSyncProtocol<NoLogs, u64, (), MemoryStore<u64>>> {
    Arc::new(LogSyncProtocol::new(NoLogs, MemoryStore::new()))
}

fn encode(messages: &[Message<Chat, u64>]) -> Vec<u8> {
    let messages = messages.iter().map(|message| encode_cbor(message).unwrap());
    messages.flatten().collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
struct Chat;

impl TopicQuery for Chat {}

#[derive(Debug)]
struct NoLogs;

#[async_trait]
impl TopicLogMap<Chat, u64> for NoLogs {
    async fn get(&self, _topic: &Chat) -> Option<Logs<u64>> {
        Some(HashMap::new())
    }
}
