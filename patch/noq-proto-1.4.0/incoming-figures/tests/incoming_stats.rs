//! The figures on connection attempts that wait for the application
#![cfg(all(feature = "rustls", feature = "ring"))]

mod common;

use std::time::{Duration, Instant};

use common::{
    initials::{deliver, initial, offer},
    net::{Net, Node},
    proto::{Endpoint, ServerConfig},
};

const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn the_figures_follow_an_attempt_from_its_first_datagram_to_its_answer() {
    let mut server = server_with_room_for(2);
    let now = Instant::now();
    assert_eq!(server.incoming_stats(), Default::default());
    let datagram = initial(server_with_room_for(1), now, 0);
    let incoming = deliver(&mut server, now, &datagram).unwrap();
    assert!(deliver(&mut server, now, &datagram).is_none());
    let waiting = server.incoming_stats();
    assert_eq!((waiting.pending, waiting.oldest), (1, Some(now)));
    assert_eq!(waiting.first_datagram_bytes, 1200);
    assert_eq!(waiting.buffer_bytes, server.incoming_buffer_bytes());
    assert_eq!(waiting.buffer_bytes, 1200);

    server.ignore(incoming);
    assert_eq!(server.incoming_stats(), Default::default());
}

#[test]
fn expired_dropped_and_ignored_attempts_are_told_apart() {
    let mut server = server_with_room_for(2);
    let now = Instant::now();
    let expired = offer(&mut server, now, 0).unwrap();
    drop(offer(&mut server, now, 1).unwrap());
    assert_eq!(server.incoming_stats().pending, 2);
    server.handle_timeout(now);
    let _held = offer(&mut server, now + TIMEOUT / 2, 2).unwrap();
    assert!(deliver(&mut server, now, &initial(server_with_room_for(1), now, 3)).is_none());
    server.handle_timeout(now + TIMEOUT);
    drop(expired);
    server.handle_timeout(now + TIMEOUT);

    let stats = server.incoming_stats();
    assert_eq!((stats.pending, stats.oldest), (1, Some(now + TIMEOUT / 2)));
    assert_eq!((stats.expired, stats.reclaimed), (1, 1));
    assert_eq!(stats.initials_ignored, 1);
}

#[test]
fn an_accepted_attempt_waits_no_longer() {
    let mut net = Net::new(|_| {});
    let (_, incoming) = net.offer();
    assert_eq!(net.server.endpoint.incoming_stats().pending, 1);
    net.accept(incoming);
    assert_eq!(net.server.endpoint.incoming_stats(), Default::default());
}

fn server_with_room_for(attempts: usize) -> Endpoint {
    let (cert, key) = common::certificate();
    let mut config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
    config
        .max_incoming(attempts)
        .incoming_timeout(Some(TIMEOUT));
    Node::new("[::1]:2", Some(config)).endpoint
}
