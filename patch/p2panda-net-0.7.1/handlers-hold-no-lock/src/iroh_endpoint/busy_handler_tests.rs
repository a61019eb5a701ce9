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
use crate::test_utils::{ApplicationArguments, test_args};

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
    let (alice, _) = endpoint(&alice_args).await;
    let busy = BusyProtocol::default();
    alice.accept(BUSY_PROTOCOL_ID, busy.clone()).await.unwrap();

    let (bob, known) = endpoint(&test_args()).await;
    let alice_info = alice_args.node_info();
    known.insert_node_info(alice_info).await.unwrap();

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

/// An endpoint, and the address book it dials by.
async fn endpoint(args: &ApplicationArguments) -> (Endpoint, AddressBook) {
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let builder = Endpoint::builder(address_book.clone()).signing_key(args.signing_key.clone());
    let builder = builder.config(args.iroh_config.clone());
    (builder.spawn().await.unwrap(), address_book)
}
