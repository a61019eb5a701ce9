//! How many direct addresses of a node are kept, and that it is found by these and no others.
//!
//! All on paused time, so that what is told later is later.

use std::{collections::BTreeSet, time::Duration};

use iroh_base::SecretKey;
use tokio::time::advance;

use super::{node_state::MAX_INACTIVE_DIRECT_ADDRESSES, *};

/// The bound on all addresses of a node, which is private to the code under test.
const DIRECT_ADDRESSES_MAX: usize = 100;

/// Many times what is kept.
const TOLD: u16 = 1000;

#[tokio::test(start_paused = true)]
async fn a_node_told_of_ever_new_addresses_keeps_the_newest() {
    let map = NodeMap::default();
    let node = node();
    for port in 1..=TOLD {
        tell(&map, node, [address(port)]);
        advance(Duration::from_millis(1)).await;
    }
    let kept = MAX_INACTIVE_DIRECT_ADDRESSES as u16;
    let newest: BTreeSet<_> = (TOLD - kept + 1..=TOLD).map(address).collect();
    assert_eq!(known(&map, node), newest);
    assert_eq!(indexed(&map), newest);
}

#[tokio::test(start_paused = true)]
async fn one_node_address_with_a_thousand_direct_addresses_leaves_twenty() {
    let map = NodeMap::default();
    let node = node();
    tell(&map, node, (1..=TOLD).map(address));
    assert_eq!(known(&map, node).len(), MAX_INACTIVE_DIRECT_ADDRESSES);
    assert_eq!(indexed(&map), known(&map, node));
}

#[tokio::test(start_paused = true)]
async fn a_call_me_maybe_with_a_thousand_addresses_leaves_a_hundred() {
    let map = NodeMap::default();
    let node = node();
    tell(&map, node, [address(1)]);
    let my_numbers = (2..=TOLD).map(address).collect();
    let _ = map.handle_call_me_maybe(node, CallMeMaybe { my_numbers });
    assert_eq!(known(&map, node).len(), DIRECT_ADDRESSES_MAX);
    assert_eq!(indexed(&map), known(&map, node));
}

#[tokio::test(start_paused = true)]
async fn a_call_me_maybe_from_a_link_local_address_is_not_indexed() {
    let map = NodeMap::default();
    let node = node();
    tell(&map, node, [address(1)]);
    let my_numbers = vec!["[fe80::1]:7".parse().unwrap()];
    let _ = map.handle_call_me_maybe(node, CallMeMaybe { my_numbers });
    assert_eq!(indexed(&map), known(&map, node));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_pings_from_ever_new_addresses_keeps_a_hundred() {
    let map = NodeMap::default();
    let node = node();
    for port in 1..=TOLD {
        let from = SendAddr::Udp(address(port));
        map.handle_ping(node, from, TransactionId::default());
        advance(Duration::from_millis(1)).await;
    }
    let kept = DIRECT_ADDRESSES_MAX as u16;
    let newest: BTreeSet<_> = (TOLD - kept + 1..=TOLD).map(address).collect();
    assert_eq!(known(&map, node), newest);
    assert_eq!(indexed(&map), newest);
}

#[tokio::test(start_paused = true)]
async fn an_address_in_use_is_kept_whatever_is_told() {
    let map = NodeMap::default();
    let node = node();
    tell(&map, node, [address(1)]);
    map.receive_udp(address(1)).unwrap();
    for port in 2..=TOLD {
        tell(&map, node, [address(port)]);
        map.handle_ping(
            node,
            SendAddr::Udp(address(TOLD + port)),
            TransactionId::default(),
        );
    }
    assert!(known(&map, node).contains(&address(1)));
    assert_eq!(known(&map, node).len(), DIRECT_ADDRESSES_MAX);
}

#[tokio::test(start_paused = true)]
async fn addresses_that_went_stale_are_nobodys_when_they_are_pruned() {
    let map = NodeMap::default();
    let node = node();
    tell(&map, node, [address(1)]);
    for port in 2..=60 {
        let from = SendAddr::Udp(address(port));
        map.handle_ping(node, from, TransactionId::default());
    }
    advance(Duration::from_secs(200)).await;

    // Sending prunes before it pings.
    let to = map.get_quic_mapped_addr_for_node_key(node).unwrap();
    map.get_send_addrs(to, true).unwrap();
    assert_eq!(known(&map, node).len(), MAX_INACTIVE_DIRECT_ADDRESSES);
    assert_eq!(indexed(&map), known(&map, node));
    assert!(map.receive_udp(address(1)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_pruned_leaves_addresses_to_who_has_them_now() {
    let map = NodeMap::default();
    let [first, second] = [node(), node()];
    tell(&map, first, [address(1)]);
    tell(&map, second, [address(1)]);
    for port in 0..=MAX_INACTIVE_NODES as u16 {
        let other = node();
        tell(&map, other, [address(100 + port)]);
        map.receive_udp(address(100 + port)).unwrap();
    }
    advance(Duration::from_secs(100)).await;
    map.receive_udp(address(1)).unwrap();

    map.prune_inactive();
    assert!(map.remote_info(first).is_none(), "the one never used");
    let (found, _) = map.receive_udp(address(1)).expect("second has it");
    assert_eq!(found, second);
}

fn node() -> NodeId {
    SecretKey::generate(rand::thread_rng()).public()
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn tell(map: &NodeMap, node: NodeId, addresses: impl IntoIterator<Item = SocketAddr>) {
    let node_addr = NodeAddr::new(node).with_direct_addresses(addresses);
    map.add_node_addr(node_addr, Source::App);
}

fn known(map: &NodeMap, node: NodeId) -> BTreeSet<SocketAddr> {
    let info = map.remote_info(node).unwrap();
    info.addrs.into_iter().map(|info| info.addr).collect()
}

fn indexed(map: &NodeMap) -> BTreeSet<SocketAddr> {
    let inner = map.inner.lock().unwrap();
    inner
        .by_ip_port
        .keys()
        .map(|ip_port| (*ip_port).into())
        .collect()
}
