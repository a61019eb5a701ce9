//! Connection attempts that the application never answers, and how little they may cost
#![cfg(all(feature = "rustls", feature = "ring"))]

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    initials::{deliver, initial, offer},
    net::{Net, Node},
    proto::{Connection, ConnectionError, ConnectionHandle, Endpoint, Incoming, ServerConfig},
};

/// Somewhat later than an attempt waits by default
const LATE: Duration = Duration::from_secs(31);

#[test]
fn dropping_every_attempt_leaves_the_endpoint_listening() {
    let mut server = server_with_room_for(4);
    let now = Instant::now();
    for number in 0..10_000 {
        let incoming = offer(&mut server, now, number);
        assert!(incoming.is_some(), "deaf after {number} dropped attempts");
    }
}

#[test]
fn a_retransmit_of_a_dropped_attempt_is_a_new_attempt() {
    let mut server = server_with_room_for(4);
    let now = Instant::now();
    let datagram = initial(server_with_room_for(1), now, 0);
    drop(deliver(&mut server, now, &datagram).unwrap());
    let again = deliver(&mut server, now, &datagram);
    assert!(again.is_some(), "buffered for an attempt that nobody has");
    assert_eq!(server.incoming_buffer_bytes(), 0);
}

#[test]
fn attempts_that_nobody_answers_make_room_after_a_while() {
    let mut server = server_with_room_for(2);
    let now = Instant::now();
    let datagram = initial(server_with_room_for(1), now, 0);
    let mut held = vec![deliver(&mut server, now, &datagram).unwrap()];
    assert!(deliver(&mut server, now, &datagram).is_none());
    assert_eq!(server.incoming_buffer_bytes(), 1200);
    held.extend(offer(&mut server, now, 1));
    assert!(offer(&mut server, now, 2).is_none(), "more than its room");

    let later = offer(&mut server, now + LATE, 2);
    assert!(later.is_some(), "deaf as long as the application sleeps");
    assert_eq!(server.incoming_buffer_bytes(), 0);
    assert_eq!(held.len(), 2);
}

#[test]
fn a_late_accept_times_out_whatever_idle_timeout_it_asks_for() {
    let (mut net, patient) = net_and_patient_config();
    let (_, incoming) = net.offer();
    net.now += LATE;
    let now = net.now;
    let accepted = accept_with(&mut net.server.endpoint, incoming, now, patient);
    assert!(matches!(accepted, Err(ConnectionError::TimedOut)));
    assert_eq!(net.server.endpoint.open_connections(), 0);
}

#[test]
fn a_late_accept_leaves_the_attempt_that_a_retransmit_started() {
    let (mut net, patient) = net_and_patient_config();
    let client = net.connect();
    let first = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = first.clone();
    net.link = Box::new(move |datagram| {
        seen.lock().unwrap().push(datagram.to_vec());
        Some(Duration::from_millis(10))
    });
    net.run_until(|net| !net.server.offered.is_empty());
    let expired = net.server.offered.remove(0);
    let datagram = first.lock().unwrap()[0].clone();

    // The clock of the server alone, so that the client is still there to connect.
    let later = net.now + LATE;
    let again = deliver_from(&mut net, later, &datagram).expect("a retransmit starts anew");
    let late = accept_with(&mut net.server.endpoint, expired, later, patient.clone());
    assert!(matches!(late, Err(ConnectionError::TimedOut)));

    assert!(deliver_from(&mut net, later, &datagram).is_none());
    assert_eq!(net.server.endpoint.incoming_buffer_bytes(), 1200);
    let accepted = accept_with(&mut net.server.endpoint, again, later, patient);
    let (handle, connection) = accepted.unwrap();
    net.server.connections.insert(handle, connection);
    net.run_until(|net| !net.client.connections[&client].is_handshaking());
}

#[test]
fn late_refusals_retries_and_ignores_leave_the_attempt_that_a_retransmit_started() {
    type Answer = fn(&mut Endpoint, Incoming);
    let answers: [Answer; 4] = [
        |server, late| drop(server.refuse(late, &mut Vec::new())),
        |server, late| drop(server.retry(late, &mut Vec::new()).unwrap()),
        |server, late| server.ignore(late),
        |_, late| drop(late),
    ];
    let now = Instant::now();
    for answer in answers {
        let mut server = server_with_room_for(4);
        let datagram = initial(server_with_room_for(1), now, 0);
        let late = deliver(&mut server, now, &datagram).unwrap();
        let again = deliver(&mut server, now + LATE, &datagram);
        assert!(again.is_some(), "a retransmit starts anew");
        answer(&mut server, late);
        assert!(deliver(&mut server, now + LATE, &datagram).is_none());
        assert_eq!(server.incoming_buffer_bytes(), 1200);
    }
}

#[test]
fn an_attempt_given_to_the_wrong_endpoint_changes_nothing_there() {
    let now = Instant::now();
    let (mut here, mut there) = (server_with_room_for(1), server_with_room_for(1));
    let own = offer(&mut there, now, 0).unwrap();
    for number in 1..4 {
        let foreign = offer(&mut here, now, number).expect("its endpoint has it back");
        match number {
            1 => {
                let accepted = there.accept(foreign, now, &mut Vec::new(), None);
                let cause = accepted.map(|_| ()).unwrap_err().cause;
                assert_eq!(cause, ConnectionError::TimedOut);
            }
            2 => drop(there.refuse(foreign, &mut Vec::new())),
            _ => there.ignore(foreign),
        }
        assert!(offer(&mut there, now, 4).is_none(), "its own one is gone");
    }
    there.ignore(own);
    assert!(offer(&mut there, now, 4).is_some());
}

fn server_with_room_for(attempts: usize) -> Endpoint {
    let (cert, key) = common::certificate();
    let mut config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
    config.max_incoming(attempts);
    Node::new("[::1]:2", Some(config)).endpoint
}

/// A network, and a server configuration that never finds an attempt too old
fn net_and_patient_config() -> (Net, Arc<ServerConfig>) {
    let mut patient = None;
    let net = Net::new(|config| {
        let mut transport = common::proto::TransportConfig::default();
        transport.max_idle_timeout(None);
        let mut config = config.clone();
        config.transport_config(Arc::new(transport));
        patient = Some(Arc::new(config));
    });
    (net, patient.unwrap())
}

fn accept_with(
    server: &mut Endpoint,
    incoming: Incoming,
    now: Instant,
    config: Arc<ServerConfig>,
) -> Result<(ConnectionHandle, Connection), ConnectionError> {
    let accepted = server.accept(incoming, now, &mut Vec::new(), Some(config));
    accepted.map_err(|e| e.cause)
}

/// Hands a datagram of the client to the server
fn deliver_from(net: &mut Net, now: Instant, datagram: &[u8]) -> Option<Incoming> {
    use common::proto::{DatagramEvent, FourTuple};
    let (client, server) = (net.client.addr, &mut net.server.endpoint);
    match server.handle(
        now,
        FourTuple::from_remote(client),
        None,
        datagram.into(),
        &mut Vec::new(),
    ) {
        Some(DatagramEvent::NewConnection(incoming)) => Some(incoming),
        _ => None,
    }
}
