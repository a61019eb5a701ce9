//! Transport parameters as a peer may send them before it has proved who it is
#![cfg(feature = "rustls-ring")]

mod common;

use common::proto::{transport_parameters::TransportParameters, Side};

/// The extensions that are read; what the protocol itself defines stands below 0x21
const EXTENSIONS: [u64; 3] = [0x2ab2, 0xff04_de1b, 0x9f81_a176];

#[test]
fn no_parameter_panics_whatever_its_length_says_and_wherever_it_ends() {
    for id in (0..0x21).chain(EXTENSIONS) {
        let id = (id | 0xc0 << 56).to_be_bytes();
        // The first byte of a value tells how many follow: none, one, three or seven.
        for first in [0x01, 0x41, 0x81, 0xc1] {
            for len in 0..64 {
                for present in 0..=len {
                    let value = (0..present).map(|i| if i == 0 { first } else { 0 });
                    let mut sent = id.to_vec();
                    sent.push(len);
                    sent.extend(value);
                    read(&sent);
                }
            }
        }
    }
}

#[test]
fn an_integer_must_fill_its_parameter() {
    const MAX_DATAGRAM_FRAME_SIZE: u8 = 0x20;
    assert!(read(&[MAX_DATAGRAM_FRAME_SIZE, 2, 0x44, 0xb0]));
    assert!(!read(&[MAX_DATAGRAM_FRAME_SIZE, 1, 0x44, 0xb0]));
    assert!(!read(&[MAX_DATAGRAM_FRAME_SIZE, 0]));
    assert!(!read(&[MAX_DATAGRAM_FRAME_SIZE, 1, 0x44]));
}

/// Reads parameters as a server and as a client does; whether one of them takes them
fn read(sent: &[u8]) -> bool {
    let [client, server] = [Side::Client, Side::Server]
        .map(|side| TransportParameters::read(side, &mut &sent[..]).is_ok());
    client || server
}
