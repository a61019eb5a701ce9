//! How long connection attempts wait, as the application sets it and sees it
#![cfg(all(feature = "rustls", feature = "ring"))]

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    initials::offer,
    net::Node,
    proto::{Endpoint, ServerConfig},
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_timer_runs_for_the_oldest_attempt() {
    let mut server = server(Some(10 * SECOND));
    let start = Instant::now();
    assert_eq!(server.poll_timeout(), None);
    let first = offer(&mut server, start, 1).unwrap();
    let second = offer(&mut server, start + SECOND, 2).unwrap();
    assert_eq!(server.poll_timeout(), Some(start + 10 * SECOND));

    server.handle_timeout(start + 9 * SECOND);
    assert!(server.is_pending(&first));
    server.handle_timeout(start + 10 * SECOND);
    assert!(!server.is_pending(&first) && server.is_pending(&second));
    assert_eq!(server.poll_timeout(), Some(start + 11 * SECOND));

    server.ignore(second);
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn without_a_timeout_attempts_wait_until_they_are_dropped() {
    let mut server = server(None);
    let start = Instant::now();
    let incoming = offer(&mut server, start, 1).unwrap();
    assert_eq!(server.poll_timeout(), None);
    let years = start + 100_000_000 * SECOND;
    server.handle_timeout(years);
    assert!(server.is_pending(&incoming));
    drop(incoming);
    server.handle_timeout(years);
    assert!(offer(&mut server, years, 2).is_some());
}

#[test]
fn a_timeout_beyond_the_end_of_time_is_none() {
    let mut server = server(Some(Duration::MAX));
    let now = Instant::now();
    let incoming = offer(&mut server, now, 1).unwrap();
    assert_eq!(server.poll_timeout(), None);
    server.handle_timeout(now + 100 * SECOND);
    assert!(server.is_pending(&incoming));
}

#[test]
fn a_new_timeout_holds_for_those_that_wait_and_outlives_the_configuration() {
    let mut server = server(None);
    let now = Instant::now();
    let incoming = offer(&mut server, now, 1).unwrap();
    server.set_server_config(Some(Arc::new(config(Some(SECOND)))));
    assert_eq!(server.poll_timeout(), Some(now + SECOND));
    server.set_server_config(None);
    assert_eq!(server.poll_timeout(), Some(now + SECOND));
    server.handle_timeout(now + SECOND);
    assert!(!server.is_pending(&incoming));
}

#[test]
fn an_attempt_is_pending_at_its_own_endpoint_alone() {
    let (mut here, mut there) = (server(None), server(None));
    let now = Instant::now();
    let incoming = offer(&mut here, now, 1).unwrap();
    let _other = offer(&mut there, now, 1).unwrap();
    assert!(here.is_pending(&incoming) && !there.is_pending(&incoming));
}

/// An endpoint with room for one attempt if none may expire, else for many
fn server(timeout: Option<Duration>) -> Endpoint {
    Node::new("[::1]:2", Some(config(timeout))).endpoint
}

fn config(timeout: Option<Duration>) -> ServerConfig {
    let (cert, key) = common::certificate();
    let mut config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
    config.incoming_timeout(timeout);
    if timeout.is_none() {
        config.max_incoming(1);
    }
    config
}
