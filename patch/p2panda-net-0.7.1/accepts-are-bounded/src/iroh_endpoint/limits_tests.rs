// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks the bounds of what remote nodes can begin, and their figures.
use std::time::Duration;

use p2panda_core::SigningKey;
use tokio::time::{sleep, timeout};

use super::{AcceptLimits, Accepts};
use crate::iroh_endpoint::Endpoint;
use crate::test_utils::test_args;
use crate::{AddressBook, NodeId};

const SCOPE: &[u8] = b"test/sync/v1";

fn node_id() -> NodeId {
    SigningKey::generate().verifying_key()
}

fn accepts(max_connections: usize, max_sessions: usize) -> Accepts {
    Accepts::new(AcceptLimits {
        max_connections,
        max_sessions,
        ..AcceptLimits::default()
    })
}

#[test]
fn a_connection_beyond_the_bound_waits_for_another_to_end() {
    let accepts = accepts(2, 0);

    let first = accepts.connection().unwrap();
    let _second = accepts.connection().unwrap();
    assert!(accepts.connection().is_none());
    assert_eq!(accepts.stats().connections, 2);
    assert_eq!(accepts.stats().refused_connections, 1);

    drop(first);
    assert!(accepts.connection().is_some());
}

#[test]
fn sessions_are_bounded_in_all_and_by_node() {
    let accepts = accepts(0, 6);
    let (ant, bat) = (node_id(), node_id());

    let mut of_ant: Vec<_> = (0..4)
        .map(|_| accepts.session(SCOPE, ant).unwrap())
        .collect();
    assert!(accepts.session(SCOPE, ant).is_none());
    let _of_bat: Vec<_> = (0..2)
        .map(|_| accepts.session(SCOPE, bat).unwrap())
        .collect();
    assert!(accepts.session(SCOPE, bat).is_none());
    assert_eq!(accepts.stats().sessions, 6);
    assert_eq!(accepts.stats().refused_sessions, 2);

    // Other scopes are not affected.
    assert!(accepts.session(b"test/other/v1", bat).is_some());

    of_ant.pop();
    assert!(accepts.session(SCOPE, bat).is_some());
}

#[test]
fn sessions_which_ended_leave_nothing_behind() {
    let accepts = accepts(0, 128);

    for _ in 0..32 {
        drop(accepts.session(SCOPE, node_id()).unwrap());
    }

    assert_eq!(accepts.state().sessions.len(), 0);
    assert_eq!(accepts.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_which_takes_too_long_is_counted() {
    let accepts = Accepts::new(AcceptLimits::default());

    assert!(accepts.in_time(sleep(Duration::from_secs(9))).await.is_ok());
    assert_eq!(accepts.stats().timed_out, 0);

    let result = accepts.in_time(sleep(Duration::from_secs(11))).await;
    assert!(result.is_err());
    assert_eq!(accepts.stats().timed_out, 1);
}

#[tokio::test]
async fn an_endpoint_keeps_to_the_bounds_it_was_given() {
    let mut alice_args = test_args();
    let mut limits = AcceptLimits::default();
    limits.max_connections = 0;
    let alice = Endpoint::builder(AddressBook::builder().spawn().await.unwrap())
        .config(alice_args.iroh_config.clone())
        .signing_key(alice_args.signing_key.clone())
        .accept_limits(limits)
        .spawn()
        .await
        .unwrap();

    let bob_args = test_args();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    address_book
        .insert_node_info(alice_args.node_info())
        .await
        .unwrap();
    let bob = Endpoint::builder(address_book)
        .config(bob_args.iroh_config)
        .signing_key(bob_args.signing_key)
        .spawn()
        .await
        .unwrap();

    let result = timeout(
        Duration::from_secs(20),
        bob.connect(alice.node_id(), b"test/any/v1"),
    )
    .await
    .unwrap();
    assert!(result.is_err());
    assert!(alice.accept_stats().refused_connections > 0);
    assert_eq!(alice.accept_stats().connections, 0);
}
