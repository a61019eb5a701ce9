// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that remote nodes can't begin as many discovery sessions as they like, for as long as they
//! like.
use std::time::Duration;

use futures_util::future::select_all;
use iroh::endpoint::ConnectionError;
use tokio::time::timeout;

use crate::discovery::Discovery;
use crate::test_utils::test_args;
use crate::{AddressBook, Endpoint};

const DISCOVERY_PROTOCOL_ID: &[u8] = b"p2panda/confidential_discovery/v1";

/// Far more than it takes to close a connection, which is tried after 10 seconds at the latest.
const HANG_GUARD: Duration = Duration::from_secs(25);

/// Returns a node with its discovery, and an endpoint which can reach it.
async fn node_and_stranger() -> (Endpoint, Discovery, Endpoint) {
    let mut node_args = test_args();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let node = Endpoint::builder(address_book.clone())
        .config(node_args.iroh_config.clone())
        .signing_key(node_args.signing_key.clone())
        .spawn()
        .await
        .unwrap();
    let discovery = Discovery::builder(address_book, node.clone())
        .spawn()
        .await
        .unwrap();

    // Comes after the message which registers the protocol.
    discovery.metrics().await.unwrap();
    node.endpoint().await.unwrap();

    let args = test_args();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    address_book
        .insert_node_info(node_args.node_info())
        .await
        .unwrap();
    let stranger = Endpoint::builder(address_book)
        .config(args.iroh_config)
        .signing_key(args.signing_key)
        .spawn()
        .await
        .unwrap();

    (node, discovery, stranger)
}

#[tokio::test]
async fn a_node_which_connects_and_begins_no_session_is_let_go() {
    let (node, _discovery, stranger) = node_and_stranger().await;

    let connection = stranger
        .connect(node.node_id(), DISCOVERY_PROTOCOL_ID)
        .await
        .unwrap();

    let closed = timeout(HANG_GUARD, connection.closed()).await;
    assert!(closed.is_ok(), "the connection stays");
}

#[tokio::test]
async fn a_node_has_four_sessions_and_is_told_why_there_is_no_fifth() {
    let (node, _discovery, stranger) = node_and_stranger().await;

    let mut connections = Vec::new();
    for _ in 0..5 {
        let connection = stranger
            .connect(node.node_id(), DISCOVERY_PROTOCOL_ID)
            .await
            .unwrap();
        connections.push(connection);
    }

    let closed = connections.iter().map(|conn| Box::pin(conn.closed()));
    let reason = timeout(Duration::from_secs(5), select_all(closed)).await;
    let Ok((ConnectionError::ApplicationClosed(close), ..)) = reason else {
        panic!("five sessions are accepted");
    };
    assert_eq!(&close.reason[..], b"too many discovery sessions");
    let refused = connections
        .iter()
        .filter(|conn| conn.close_reason().is_some());
    assert_eq!(refused.count(), 1);
}
