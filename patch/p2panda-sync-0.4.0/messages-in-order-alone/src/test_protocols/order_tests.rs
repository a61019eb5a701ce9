// SPDX-License-Identifier: MIT OR Apache-2.0

//! Remote peers that send a topic which is not to be sent.
use std::sync::Arc;

use futures::channel::mpsc;
use futures::io::Cursor;
use futures::{SinkExt, StreamExt};
use p2panda_core::cbor::encode_cbor;

use crate::{FromSync, SyncError, SyncProtocol};

use super::{
    DummyProtocol, DummyProtocolMessage, PingPongProtocol, PingPongProtocolMessage, SyncTestTopic,
};

#[tokio::test]
async fn a_second_topic_ends_the_session_and_is_no_handshake() {
    let dummy = encode_cbor(&DummyProtocolMessage::TopicQuery(topic())).unwrap();
    assert_accepts_one(DummyProtocol {}, dummy).await;
    let ping_pong = encode_cbor(&PingPongProtocolMessage::TopicQuery(topic())).unwrap();
    assert_accepts_one(PingPongProtocol {}, ping_pong).await;
}

#[tokio::test]
async fn a_topic_from_an_acceptor_is_an_error_and_not_a_panic() {
    let dummy = encode_cbor(&DummyProtocolMessage::TopicQuery(topic())).unwrap();
    assert_accepts_none(DummyProtocol {}, dummy).await;
    let ping_pong = encode_cbor(&PingPongProtocolMessage::TopicQuery(topic())).unwrap();
    assert_accepts_none(PingPongProtocol {}, ping_pong).await;
}

fn topic() -> SyncTestTopic {
    SyncTestTopic::new("chat")
}

async fn assert_accepts_one<P>(protocol: P, sends_topic: Vec<u8>)
where
    P: for<'a> SyncProtocol<'a, SyncTestTopic>,
{
    let (app_tx, app_rx) = mpsc::unbounded();
    let mut app_tx = app_tx.sink_map_err(|err| SyncError::Critical(err.to_string()));
    let result = Arc::new(protocol)
        .accept(
            Box::new(&mut Cursor::new(Vec::new())),
            Box::new(&mut Cursor::new(sends_topic.repeat(2))),
            Box::new(&mut app_tx),
        )
        .await;
    drop(app_tx);
    let told: Vec<_> = app_rx.collect().await;
    assert!(
        matches!(result, Err(SyncError::UnexpectedBehaviour(_))),
        "{result:?}"
    );
    assert_eq!(told, [FromSync::HandshakeSuccess(topic())]);
}

async fn assert_accepts_none<P>(protocol: P, sends_topic: Vec<u8>)
where
    P: for<'a> SyncProtocol<'a, SyncTestTopic>,
{
    let (app_tx, _app_rx) = mpsc::unbounded();
    let mut app_tx = app_tx.sink_map_err(|err| SyncError::Critical(err.to_string()));
    let result = Arc::new(protocol)
        .initiate(
            topic(),
            Box::new(&mut Cursor::new(Vec::new())),
            Box::new(&mut Cursor::new(sends_topic)),
            Box::new(&mut app_tx),
        )
        .await;
    assert!(
        matches!(result, Err(SyncError::UnexpectedBehaviour(_))),
        "{result:?}"
    );
}
