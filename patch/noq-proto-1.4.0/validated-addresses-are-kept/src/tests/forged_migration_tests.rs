//! Where a server sends to when a packet came from an address that nobody answers at.

use core::net::SocketAddr;

use super::util::{BasicRouting, ConnPair, subscribe};
use crate::connection::timer::{PathTimer, Timer};
use crate::{Dir, Duration, MtuDiscoveryConfig, PathId, Side::*};

const SMALL_MTU: usize = 1300;
const LARGE_MTU: u16 = 1452;
const BETWEEN_SEARCHES: Duration = Duration::from_secs(10);
const LATENCY: Duration = Duration::from_millis(10);

#[test]
fn a_server_returns_to_the_address_that_was_validated() {
    let _guard = subscribe();
    let mut pair = connected();
    let validated = client_addr(&pair);
    forge_migrations(&mut pair);
    assert_eq!(client_addr(&pair), validated);
}

#[test]
fn mtu_discovery_goes_on_at_the_address_that_was_validated() {
    let _guard = subscribe();
    let mut pair = connected();
    forge_migrations(&mut pair);
    pair.mtu = usize::from(LARGE_MTU);
    pair.time += BETWEEN_SEARCHES;
    pair.ping(Server);
    pair.drive();
    assert_eq!(pair.conn(Server).path_mtu(PathId::ZERO), LARGE_MTU);
}

#[test]
fn what_is_acknowledged_meanwhile_is_in_flight_no_more_at_the_address_that_was_validated() {
    let _guard = subscribe();
    let mut pair = connected();
    let validated = client_addr(&pair);
    let stream = pair.streams(Server).open(Dir::Uni).unwrap();
    let begun = pair.time;
    for sent_after in [Duration::ZERO, LATENCY / 2] {
        pair.time = begun + sent_after;
        pair.send_stream(Server, stream)
            .write(&[0; 3 * SMALL_MTU])
            .unwrap();
        pair.drive_server();
    }
    // With the first acknowledgement the server goes over to where it comes from, and there hears the second
    let client = &mut pair.routes.as_basic_mut().client_addr;
    client.set_port(validated.port() + 1);
    for acknowledged_after in [LATENCY, LATENCY * 3 / 2] {
        pair.time = begun + acknowledged_after;
        pair.drive_client();
    }
    pair.routes.as_basic_mut().client_addr = validated;
    pair.time = begun + 3 * LATENCY;
    pair.drive_server();
    assert_ne!(client_addr(&pair), validated);
    give_up_the_new_address(&mut pair);
    pair.drive();
    assert_eq!(client_addr(&pair), validated);
    assert_eq!(pair.conn(Server).bytes_in_flight(), 0);
}

/// Packets of the client come from two other addresses; after that nothing arrives until the server has given the latter up
fn forge_migrations(pair: &mut ConnPair) {
    let validated = client_addr(pair);
    for another in 1..=2 {
        let client = &mut pair.routes.as_basic_mut().client_addr;
        client.set_port(validated.port() + another);
        pair.ping(Client);
        pair.drive_client();
    }
    pair.routes.as_basic_mut().client_addr = validated;
    pair.time += LATENCY;
    pair.drive_server();
    assert_ne!(client_addr(pair), validated);
    give_up_the_new_address(pair);
}

/// Nothing arrives until the server has given it up
fn give_up_the_new_address(pair: &mut ConnPair) {
    let validation = Timer::PerPath(PathId::ZERO, PathTimer::PathValidationFailed);
    while pair.conn(Server).timer_pending(validation).is_some() {
        pair.blackhole_step(true, true);
    }
}

fn client_addr(pair: &ConnPair) -> SocketAddr {
    pair.network_path(Server, PathId::ZERO).unwrap().remote()
}

fn connected() -> ConnPair {
    let routes = BasicRouting {
        client_addr: SocketAddr::from(([10, 0, 0, 2], 1)),
        server_addr: SocketAddr::from(([10, 0, 0, 1], 1)),
        latency: LATENCY,
    };
    let mut builder = ConnPair::builder().with_routes(routes).with_mtu(SMALL_MTU);
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.interval(BETWEEN_SEARCHES);
    builder
        .server_transport_cfg
        .mtu_discovery_config(Some(discovery));
    builder.connect()
}
