//! What a waiting connection attempt keeps allocated: its own datagrams, not those they came with
#![cfg(all(feature = "rustls", feature = "ring"))]

mod common;

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use common::{
    initials::{initial, remote},
    net::Node,
    proto::{DatagramEvent, Endpoint, Incoming, ServerConfig},
};

#[test]
fn an_attempt_does_not_hold_the_batch_that_its_first_datagram_came_in() {
    let mut server = server();
    let (first, others) = batch(&initial(self::server(), Instant::now(), 0));
    let _incoming = deliver(&mut server, first).unwrap();
    assert!(others.is_unique(), "64 KiB are held for 1200 bytes");
}

#[test]
fn a_buffered_datagram_does_not_hold_the_batch_that_it_came_in() {
    let mut server = server();
    let datagram = initial(self::server(), Instant::now(), 0);
    let _incoming = deliver(&mut server, datagram[..].into()).unwrap();
    let (second, others) = batch(&datagram);
    assert!(deliver(&mut server, second).is_none());
    assert_eq!(server.incoming_buffer_bytes(), 1200);
    assert!(others.is_unique(), "64 KiB are held for 1200 bytes");
}

#[test]
fn a_coalesced_packet_does_not_hold_the_batch_that_it_came_in() {
    let mut server = server();
    let now = Instant::now();
    let two = [
        initial(self::server(), now, 0),
        initial(self::server(), now, 1),
    ]
    .concat();
    let (first, others) = batch(&two);
    let _incoming = deliver(&mut server, first).unwrap();
    assert!(others.is_unique(), "64 KiB are held for 2400 bytes");

    let (second, others) = batch(&two);
    assert!(deliver(&mut server, second).is_none());
    assert_eq!(server.incoming_buffer_bytes(), 2400);
    assert!(others.is_unique(), "64 KiB are held for 2400 bytes");
}

#[test]
fn a_tiny_datagram_is_charged_for_what_is_kept_beside_it() {
    let mut server = server();
    let datagram = initial(self::server(), Instant::now(), 0);
    let _incoming = deliver(&mut server, datagram[..].into()).unwrap();
    // A 0-RTT packet for the same attempt: its connection ID, and next to nothing behind it.
    let tiny = [&[0xd0], &datagram[1..14], &[0, 4, 0, 0, 0, 0]].concat();
    assert!(deliver(&mut server, tiny[..].into()).is_none());
    let charged = server.incoming_buffer_bytes();
    assert!(charged > 100, "{charged} bytes charged for more than 200");
}

/// A datagram, and the rest of the 64 KiB that it was received in
fn batch(datagram: &[u8]) -> (BytesMut, Bytes) {
    let mut batch = BytesMut::zeroed(64 * 1024);
    batch[..datagram.len()].copy_from_slice(datagram);
    let first = batch.split_to(datagram.len());
    (first, batch.freeze())
}

fn deliver(server: &mut Endpoint, datagram: BytesMut) -> Option<Incoming> {
    let now = Instant::now();
    match server.handle(now, remote(), None, datagram, &mut Vec::new()) {
        Some(DatagramEvent::NewConnection(incoming)) => Some(incoming),
        _ => None,
    }
}

fn server() -> Endpoint {
    let (cert, key) = common::certificate();
    let config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
    Node::new("[::1]:2", Some(config)).endpoint
}
