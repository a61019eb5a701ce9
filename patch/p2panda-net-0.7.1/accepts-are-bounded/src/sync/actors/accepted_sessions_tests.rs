// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that remote nodes can't begin as many sync sessions as they like, for as long as they like.
use std::time::Duration;

use futures_channel::mpsc;
use iroh::endpoint::{Connection, ConnectionError};
use p2panda_core::Topic;
use p2panda_store::SqliteStore;
use p2panda_sync::protocols::{TopicHandshakeEvent, TopicHandshakeInitiator};
use p2panda_sync::traits::Protocol;
use tokio::time::timeout;

use crate::codec::{into_codec_sink, into_codec_stream};
use crate::test_utils::{ApplicationArguments, test_args};
use crate::{AddressBook, Endpoint, Gossip, LogSync};

const SYNC_PROTOCOL_ID: &[u8] = b"p2panda/log_sync/v1";

/// Far more than it takes to close a connection, which is tried after 10 seconds at the latest.
const HANG_GUARD: Duration = Duration::from_secs(25);

struct Node {
    args: ApplicationArguments,
    endpoint: Endpoint,
    log_sync: LogSync<SqliteStore, u64, ()>,
}

impl Node {
    async fn spawn() -> Self {
        let args = test_args();
        let address_book = AddressBook::builder().spawn().await.unwrap();
        let endpoint = endpoint(&args, address_book.clone()).await;
        let gossip = Gossip::builder(address_book, endpoint.clone());
        let gossip = gossip.spawn().await.unwrap();
        let store = SqliteStore::temporary().await;
        let log_sync = LogSync::builder(store, endpoint.clone(), gossip);
        Self {
            args,
            endpoint,
            log_sync: log_sync.spawn().await.unwrap(),
        }
    }
}

async fn endpoint(args: &ApplicationArguments, address_book: AddressBook) -> Endpoint {
    let builder = Endpoint::builder(address_book).signing_key(args.signing_key.clone());
    let builder = builder.config(args.iroh_config.clone());
    builder.spawn().await.unwrap()
}

/// Returns an endpoint which can reach the node.
async fn stranger(node: &mut Node) -> Endpoint {
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let known = node.args.node_info();
    address_book.insert_node_info(known).await.unwrap();
    endpoint(&test_args(), address_book).await
}

/// Connects to the node and agrees on the topic, the session itself is not begun.
async fn begin_session(stranger: &Endpoint, node: &Node, topic: Topic) -> Connection {
    let connection = stranger
        .connect(node.endpoint.node_id(), SYNC_PROTOCOL_ID)
        .await
        .unwrap();
    let (tx, rx) = connection.open_bi().await.unwrap();
    let (event_tx, _event_rx) = mpsc::channel::<TopicHandshakeEvent<Topic>>(8);
    TopicHandshakeInitiator::new(topic, event_tx)
        .run(&mut into_codec_sink(tx), &mut into_codec_stream(rx))
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn a_node_has_four_sessions_in_a_topic_and_is_told_why_there_is_no_fifth() {
    let mut node = Node::spawn().await;
    let stranger = stranger(&mut node).await;
    let topic = Topic::random();
    let _stream = node.log_sync.stream(topic, true).await.unwrap();

    let mut accepted = Vec::new();
    for _ in 0..4 {
        accepted.push(begin_session(&stranger, &node, topic).await);
    }
    let fifth = begin_session(&stranger, &node, topic).await;

    let reason = timeout(Duration::from_secs(5), fifth.closed()).await;
    let Ok(ConnectionError::ApplicationClosed(close)) = reason else {
        panic!("the fifth session is accepted: {reason:?}");
    };
    assert_eq!(&close.reason[..], b"too many sync sessions");
    assert!(accepted.iter().all(|conn| conn.close_reason().is_none()));
}

#[tokio::test]
async fn a_node_which_connects_and_names_no_topic_is_let_go() {
    let mut node = Node::spawn().await;
    let stranger = stranger(&mut node).await;

    let connection = stranger
        .connect(node.endpoint.node_id(), SYNC_PROTOCOL_ID)
        .await
        .unwrap();

    let closed = timeout(HANG_GUARD, connection.closed()).await;
    assert!(closed.is_ok(), "the connection stays");
}

#[tokio::test]
async fn a_node_which_names_a_topic_and_begins_no_session_is_let_go() {
    let mut node = Node::spawn().await;
    let stranger = stranger(&mut node).await;
    let topic = Topic::random();
    let _stream = node.log_sync.stream(topic, true).await.unwrap();

    let connection = begin_session(&stranger, &node, topic).await;

    let closed = timeout(HANG_GUARD, connection.closed()).await;
    assert!(closed.is_ok(), "the connection stays");
}
