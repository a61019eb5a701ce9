//! What a path knows of its MTU probe when a migration has failed and the path before it is used again.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::util::{BasicRouting, ConnPair, subscribe};
use crate::connection::timer::{PathTimer, Timer};
use crate::{
    Duration, Event, FourTuple, MtuDiscoveryConfig, PathEvent, PathId, PathStatus, Side::*,
};

const SMALL_MTU: usize = 1300;
const LARGE_MTU: u16 = 1452;
const BETWEEN_SEARCHES: Duration = Duration::from_secs(1);
const LATENCY: Duration = Duration::from_millis(10);

#[test]
fn mtu_discovery_goes_on_after_a_failed_migration() {
    let _guard = subscribe();
    let mut pair = after_a_failed_migration();
    pair.drive();
    assert_eq!(pair.conn(Server).path_mtu(PathId::ZERO), LARGE_MTU);
}

#[test]
fn a_path_is_discarded_after_a_failed_migration() {
    let _guard = subscribe();
    let mut pair = after_a_failed_migration();
    pair.ping_path(Client, PathId::from(1u32)).unwrap();
    pair.drive();
    pair.ping_path(Server, PathId::ZERO).unwrap();
    pair.drive_server();
    pair.client.inbound.clear();
    pair.close_path(Server, PathId::ZERO, 0u8.into()).unwrap();
    pair.drive();
    let mut discarded = Vec::new();
    while let Some(event) = pair.poll(Server) {
        if let Event::Path(PathEvent::Discarded { id, .. }) = event {
            discarded.push(id);
        }
    }
    assert_eq!(discarded, [PathId::ZERO]);
}

/// A client has come from two new ports, the second of which the server could not validate; the server's MTU probe
/// was acknowledged in the meantime
fn after_a_failed_migration() -> ConnPair {
    let mut pair = two_paths();
    pair.mtu = usize::from(LARGE_MTU);
    pair.time += BETWEEN_SEARCHES;
    let probes = probes_sent(&mut pair);
    pair.ping_path(Server, PathId::ZERO).unwrap();
    pair.drive_server();
    assert_eq!(probes_sent(&mut pair), probes + 1);

    for _ in 0..2 {
        let client = &mut pair.routes.as_basic_mut().client_addr;
        client.set_port(client.port() + 1);
        pair.ping_path(Client, PathId::ZERO).unwrap();
        pair.drive_client();
    }
    pair.time += LATENCY;
    pair.blackhole_step(false, true);
    let validation = Timer::PerPath(PathId::ZERO, PathTimer::PathValidationFailed);
    assert!(pair.conn(Server).timer_pending(validation).is_some());
    while pair.conn(Server).timer_pending(validation).is_some() {
        pair.blackhole_step(false, true);
    }
    pair
}

fn probes_sent(pair: &mut ConnPair) -> u64 {
    let stats = pair.path_stats(Server, PathId::ZERO).unwrap();
    stats.sent_plpmtud_probes
}

/// Over IPv4, where another port is taken for the same path behind a NAT
fn two_paths() -> ConnPair {
    let server_addr = SocketAddr::from(([10, 0, 0, 1], 1));
    let mut builder = ConnPair::builder()
        .with_routes(BasicRouting {
            client_addr: SocketAddr::from(([10, 0, 0, 2], 1)),
            server_addr,
            latency: LATENCY,
        })
        .with_mtu(SMALL_MTU)
        .enable_multipath();
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.interval(BETWEEN_SEARCHES);
    builder
        .server_transport_cfg
        .mtu_discovery_config(Some(discovery));
    let mut pair = builder.connect();
    let to_server = FourTuple {
        remote: server_addr,
        local_ip: None,
    };
    pair.open_path(Client, to_server, PathStatus::Available)
        .unwrap();
    pair.drive();
    pair
}
