//! An endpoint that ceases to be a server while connection attempts wait
#![cfg(all(feature = "rustls", feature = "ring"))]

mod common;

use std::time::Instant;

use common::{
    initials::{deliver, initial, offer, remote},
    net::{Net, Node},
    proto::{Endpoint, ServerConfig},
};

#[test]
fn a_retransmit_after_the_configuration_was_withdrawn_is_buffered() {
    let now = Instant::now();
    let mut server = server();
    let datagram = initial(self::server(), now, 0);
    let incoming = deliver(&mut server, now, &datagram).unwrap();
    server.set_server_config(None);
    assert!(deliver(&mut server, now, &datagram).is_none());
    assert_eq!(server.incoming_buffer_bytes(), 1200);
    server.ignore(incoming);
}

#[test]
fn an_attempt_can_be_retried_after_the_configuration_was_withdrawn() {
    let mut server = server();
    let incoming = offer(&mut server, Instant::now(), 0).unwrap();
    server.set_server_config(None);
    let transmit = server.retry(incoming, &mut Vec::new());
    assert_eq!(transmit.unwrap().destination, remote().remote());
}

#[test]
fn an_attempt_can_be_accepted_after_the_configuration_was_withdrawn() {
    let mut net = Net::new(|_| {});
    let (client, incoming) = net.offer();
    net.server.endpoint.set_server_config(None);
    net.accept(incoming);
    net.run_until(|net| !net.client.connections[&client].is_handshaking());
}

fn server() -> Endpoint {
    let (cert, key) = common::certificate();
    let config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
    Node::new("[::1]:2", Some(config)).endpoint
}
