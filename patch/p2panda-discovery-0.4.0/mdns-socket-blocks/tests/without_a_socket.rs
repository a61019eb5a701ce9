// SPDX-License-Identifier: MIT OR Apache-2.0

//! What local discovery does where no socket is to be had. This test stands alone in its file, as
//! it takes the sockets away from its whole process.
#![cfg(all(unix, feature = "mdns"))]

use futures_lite::StreamExt;
use p2panda_discovery::Discovery;
use p2panda_discovery::mdns::LocalDiscovery;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[tokio::test]
async fn local_discovery_without_a_socket_is_not_a_panic() {
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, none).unwrap();
    // The runtime has one thread: its task has its turn, and finds no socket either.
    let discovery = std::panic::catch_unwind(LocalDiscovery::new);
    tokio::task::yield_now().await;
    setrlimit(Resource::Nofile, limit).unwrap();

    let discovery = discovery.expect("no panic");
    let mut events = discovery.subscribe([1; 32]).unwrap();
    // It goes on, to try again later.
    let next = tokio::time::timeout(std::time::Duration::from_millis(500), events.next()).await;
    assert!(next.is_err(), "the subscription has ended");
}
