//! How many connection IDs may wait to be retired.
#![cfg(feature = "rustls-ring")]

use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::SpaceId;
use crate::{
    self as proto,
    shared::{ConnectionId, IssuedCid},
    token::ResetToken,
    ConnectionError, ConnectionHandle, DatagramEvent, Event, TransportErrorCode,
};

#[path = "../../tests/common/net.rs"]
// As other tests in here do: there is no place above both for it.
#[allow(clippy::duplicate_mod, dead_code, unreachable_pub)]
mod net;

#[test]
fn a_peer_that_issues_retired_ids_over_and_over_is_closed() {
    let mut net = net::Net::new(|_| {});
    let (client, server) = net.connected();
    net.run_for(Duration::from_secs(1));
    assert!(net.server.connections[&server].active_rem_cid_seq() > 0);

    // The server cannot send a word: its path is as congested as the peer likes.
    for _ in 0..10 {
        issue_retired_ids(&mut net, client, 10);
        let connection = net.server.connections.get_mut(&server).unwrap();
        let waiting = connection.spaces[SpaceId::Data].pending.retire_cids.len();
        assert!(waiting <= 50, "{waiting} connection IDs wait to be retired");
    }
    let connection = net.server.connections.get_mut(&server).unwrap();
    let lost = std::iter::from_fn(|| connection.poll()).find_map(|event| match event {
        Event::ConnectionLost { reason } => Some(reason),
        _ => None,
    });
    let Some(ConnectionError::TransportError(error)) = lost else {
        panic!("it goes on: {lost:?}");
    };
    assert_eq!(error.code, TransportErrorCode::CONNECTION_ID_LIMIT_ERROR);
}

/// The client issues the ID that the server has retired first, once more and under other names
fn issue_retired_ids(net: &mut net::Net, client: ConnectionHandle, number: u8) {
    let (now, from) = (net.now, net.client.addr);
    let connection = net.client.connections.get_mut(&client).unwrap();
    let cids = &mut connection.spaces[SpaceId::Data].pending.new_cids;
    cids.extend((0..number).map(|i| IssuedCid {
        sequence: 0,
        id: ConnectionId::new(&[i; 8]),
        reset_token: ResetToken::from([i; 16]),
    }));
    let mut sent = Vec::new();
    while connection.poll_transmit(now, 1, &mut sent).is_some() {
        let server = &mut net.server.endpoint;
        let event = server.handle(now, from, None, None, sent[..].into(), &mut Vec::new());
        let Some(DatagramEvent::ConnectionEvent(handle, event)) = event else {
            panic!("not for the connection");
        };
        let connection = net.server.connections.get_mut(&handle).unwrap();
        connection.handle_event(event);
        sent.clear();
    }
}

fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.key_pair.serialize_der().into());
    (made.cert.into(), key)
}
