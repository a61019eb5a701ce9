//! What remains of those who send us something and are never heard of again.

use iroh_base::{CustomAddr, EndpointId, RelayUrl, SecretKey};

use super::{AddrMap, CustomMappedAddr, RelayMappedAddr};

/// More than may be remembered.
const STRANGERS: u64 = 6000;

#[test]
fn strangers_on_a_relay_are_forgotten_but_for_the_last_ones() {
    let map = AddrMap::<(RelayUrl, EndpointId), RelayMappedAddr>::default();
    let url: RelayUrl = "https://relay.invalid".parse().unwrap();
    let met: Vec<_> = (0..STRANGERS)
        .map(|number| map.get(&(url.clone(), endpoint_id(number))))
        .collect();
    let known = met.iter().filter(|addr| map.lookup(addr).is_some()).count();
    assert!(known < STRANGERS as usize, "all {known} are remembered");
    assert!(map.lookup(&met[met.len() - 1]).is_some());
}

#[test]
fn strangers_on_a_custom_transport_are_forgotten_but_for_those_in_use() {
    let map = AddrMap::<CustomAddr, CustomMappedAddr>::default();
    let friend = CustomAddr::from_parts(7, b"friend");
    let addr = map.get(&friend);
    let mut met = Vec::new();
    for number in 0..STRANGERS {
        met.push(map.get(&CustomAddr::from_parts(7, &number.to_le_bytes())));
        assert_eq!(map.lookup(&addr).as_ref(), Some(&friend));
    }
    let known = met.iter().filter(|addr| map.lookup(addr).is_some()).count();
    assert!(known < STRANGERS as usize, "all {known} are remembered");
}

fn endpoint_id(number: u64) -> EndpointId {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    SecretKey::from_bytes(&secret).public()
}
