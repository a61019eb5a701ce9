//! The figures on connection attempts, from the first datagram to the answer
#![cfg(all(feature = "rustls", feature = "ring", feature = "runtime-tokio"))]

mod common;

use std::time::Duration;

use common::{
    memory::Fault,
    pair::{Pair, soon},
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_waits_is_told_and_what_was_answered_is_not() {
    let pair = Pair::new(|_| {});
    let server = &pair.server.endpoint;
    let to = pair.server.socket.addr;
    let connecting = pair.client.endpoint.connect(to, "localhost").unwrap();
    sleep(SECOND / 10).await;
    let stats = server.stats();
    assert_eq!((stats.pending_incoming, stats.queued_incoming), (1, 1));
    assert!(stats.incoming_first_datagram_bytes >= 1200);
    let age = stats.oldest_incoming_age.unwrap();
    assert!(age > SECOND / 20 && age < SECOND, "{age:?}");

    let incoming = soon(server.accept()).await.unwrap();
    let stats = server.stats();
    assert_eq!((stats.pending_incoming, stats.queued_incoming), (1, 0));

    // What the client sends again meanwhile.
    sleep(2 * SECOND).await;
    assert!(server.stats().incoming_buffer_bytes >= 1200);

    let (client, server_side) = tokio::join!(connecting, incoming);
    let stats = server.stats();
    assert_eq!((stats.pending_incoming, stats.queued_incoming), (0, 0));
    assert_eq!(stats.incoming_first_datagram_bytes, 0);
    assert_eq!(stats.incoming_buffer_bytes, 0);
    assert_eq!(stats.oldest_incoming_age, None);
    assert_eq!(stats.accepted_handshakes, 1);
    assert!(client.is_ok() && server_side.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_expired_and_what_found_no_room_is_counted() {
    let pair = Pair::new(|config| {
        config.max_incoming(1).incoming_timeout(Some(5 * SECOND));
    });
    let to = pair.server.socket.addr;
    let connecting: Vec<_> = (0..3)
        .map(|_| pair.client.endpoint.connect(to, "localhost").unwrap())
        .collect();
    sleep(SECOND / 10).await;
    pair.client.socket.break_down(Fault::Deaf);
    let stats = pair.server.endpoint.stats();
    assert_eq!((stats.pending_incoming, stats.initials_ignored), (1, 2));

    sleep(5 * SECOND).await;
    let stats = pair.server.endpoint.stats();
    assert_eq!((stats.pending_incoming, stats.queued_incoming), (0, 0));
    assert_eq!((stats.incoming_expired, stats.incoming_reclaimed), (1, 0));
    assert_eq!(stats.incoming_first_datagram_bytes, 0);
    drop(connecting);
}
