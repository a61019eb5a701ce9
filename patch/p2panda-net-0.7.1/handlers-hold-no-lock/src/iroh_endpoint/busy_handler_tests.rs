// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a protocol handler which takes its time holds up nobody else.
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::address_book::AddressBook;
use crate::iroh_endpoint::Endpoint;
use crate::test_utils::test_args;

const BUSY_PROTOCOL_ID: &[u8] = b"test/busy/v1";
const OTHER_PROTOCOL_ID: &[u8] = b"test/other/v1";

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(20);

/// Never ends, once it has a connection.
#[derive(Clone, Debug, Default)]
struct BusyProtocol(Arc<Notify>);

impl ProtocolHandler for BusyProtocol {
    async fn accept(&self, _connection: Connection) -> Result<(), AcceptError> {
        self.0.notify_one();
        pending().await
    }
}

#[tokio::test]
async fn protocols_are_registered_while_a_handler_runs() {
    let mut alice_args = test_args();
    let alice = Endpoint::builder(AddressBook::builder().spawn().await.unwrap())
        .config(alice_args.iroh_config.clone())
        .signing_key(alice_args.signing_key.clone())
        .spawn()
        .await
        .unwrap();
    let busy = BusyProtocol::default();
    alice.accept(BUSY_PROTOCOL_ID, busy.clone()).await.unwrap();

    let bob_args = test_args();
    let bob_address_book = AddressBook::builder().spawn().await.unwrap();
    bob_address_book
        .insert_node_info(alice_args.node_info())
        .await
        .unwrap();
    let bob = Endpoint::builder(bob_address_book)
        .config(bob_args.iroh_config)
        .signing_key(bob_args.signing_key)
        .spawn()
        .await
        .unwrap();

    let _connection = bob
        .connect(alice.node_id(), BUSY_PROTOCOL_ID)
        .await
        .unwrap();
    timeout(HANG_GUARD, busy.0.notified()).await.unwrap();

    alice
        .accept(OTHER_PROTOCOL_ID, BusyProtocol::default())
        .await
        .unwrap();

    // The endpoint actor still answers.
    let endpoint = timeout(HANG_GUARD, alice.endpoint()).await;
    assert!(endpoint.is_ok(), "the endpoint waits for the handler");
}
