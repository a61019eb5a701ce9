//! What a queued datagram is charged for, an empty one among them.
#![cfg(feature = "rustls-ring")]

use bytes::Bytes;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::DatagramState;
use crate::{self as proto, frame::Datagram};

#[path = "../../tests/common/net.rs"]
// As other tests in here do: there is no place above both for it.
#[allow(clippy::duplicate_mod, dead_code, unreachable_pub)]
mod net;

const WINDOW: usize = 10_000;

#[test]
fn empty_datagrams_that_nobody_reads_are_dropped_like_others() {
    let mut state = DatagramState::default();
    for _ in 0..100_000 {
        receive(&mut state, 0);
    }
    let queued = state.incoming.len();
    assert!(queued <= WINDOW / 16, "{queued} datagrams are queued");
}

#[test]
fn tiny_datagrams_count_for_more_than_their_payload() {
    let mut state = DatagramState::default();
    for _ in 0..100_000 {
        receive(&mut state, 1);
    }
    let queued = state.incoming.len();
    assert!(queued <= WINDOW / 16, "{queued} datagrams are queued");
}

#[test]
fn only_the_first_of_several_empty_datagrams_is_news() {
    let mut state = DatagramState::default();
    assert!(receive(&mut state, 0));
    assert!(!receive(&mut state, 0));
    while state.recv().is_some() {}
    assert_eq!(state.recv_buffered, 0);
    assert!(receive(&mut state, 0));
}

#[test]
fn datagrams_of_usual_size_fill_the_window_to_the_last_byte() {
    let mut state = DatagramState::default();
    for _ in 0..10 {
        receive(&mut state, 1000);
    }
    assert_eq!(state.incoming.len(), 10);
    receive(&mut state, 1000);
    assert_eq!((state.incoming.len(), state.recv_buffered), (10, WINDOW));
}

#[test]
fn a_window_smaller_than_a_place_in_the_queue_holds_one_datagram() {
    let mut state = DatagramState::default();
    for len in [4, 0, 4] {
        let datagram = Datagram {
            data: Bytes::from(vec![7; len]),
        };
        state.received(datagram, &Some(4)).unwrap();
        assert_eq!(state.incoming.len(), 1);
    }
    assert_eq!(state.recv().unwrap().len(), 4);
    assert_eq!(state.recv_buffered, 0);
}

#[test]
fn empty_datagrams_that_cannot_be_sent_are_dropped_like_others() {
    let mut net = net::Net::new(|_| {});
    let (client, _) = net.connected();
    let connection = net.client.connections.get_mut(&client).unwrap();
    let room = connection.datagrams().send_buffer_space();
    for _ in 0..room / 8 {
        connection.datagrams().send(Bytes::new(), true).unwrap();
    }
    let queued = connection.datagrams.outgoing.len();
    assert!(queued <= room / 16, "{queued} datagrams are queued");

    net.transmit();
    let connection = net.client.connections.get_mut(&client).unwrap();
    while connection.datagrams.write(&mut Vec::new(), 1200) {}
    assert_eq!(connection.datagrams().send_buffer_space(), room);
}

fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.key_pair.serialize_der().into());
    (made.cert.into(), key)
}

/// Takes in a datagram; whether the application is to be told
fn receive(state: &mut DatagramState, len: usize) -> bool {
    let data = Bytes::from(vec![7; len]);
    state.received(Datagram { data }, &Some(WINDOW)).unwrap()
}
