// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a node which never answers does not hold up a random walk.
use std::future::pending;
use std::time::Duration;

use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use tokio::time::{sleep, timeout};

use crate::discovery::Discovery;
use crate::iroh_endpoint::AcceptLimits;
use crate::test_utils::test_args;
use crate::{AddressBook, Endpoint};

const DISCOVERY_PROTOCOL_ID: &[u8] = b"p2panda/confidential_discovery/v1";

/// Far more than the test takes, it only ends it if it would hang.
const HANG_GUARD: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Silent;

impl ProtocolHandler for Silent {
    async fn accept(&self, _connection: Connection) -> Result<(), AcceptError> {
        pending().await
    }
}

#[tokio::test]
async fn a_session_with_a_silent_node_is_cut_off() {
    let mut silent_args = test_args();
    let silent = Endpoint::builder(AddressBook::builder().spawn().await.unwrap())
        .config(silent_args.iroh_config.clone())
        .signing_key(silent_args.signing_key.clone())
        .spawn()
        .await
        .unwrap();
    silent.accept(DISCOVERY_PROTOCOL_ID, Silent).await.unwrap();

    let args = test_args();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    address_book
        .insert_node_info(silent_args.node_info())
        .await
        .unwrap();
    let limits = AcceptLimits {
        discovery_timeout: Duration::from_secs(1),
        ..AcceptLimits::default()
    };
    let endpoint = Endpoint::builder(address_book.clone())
        .config(args.iroh_config)
        .signing_key(args.signing_key)
        .accept_limits(limits)
        .spawn()
        .await
        .unwrap();
    let discovery = Discovery::builder(address_book, endpoint.clone())
        .spawn()
        .await
        .unwrap();

    timeout(HANG_GUARD, async {
        while discovery.metrics().await.unwrap().failed_discovery_sessions == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert!(endpoint.accept_stats().timed_out > 0);
}
