// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks who has to go when there are too many nodes, and when each of them does.
use std::time::Duration;

use p2panda_core::SigningKey;
use tokio::time::advance;

use super::{AddressBookLimits, Peers, Standing};
use crate::NodeId;

const MINUTE: Duration = Duration::from_secs(60);

fn node_id() -> NodeId {
    SigningKey::generate().verifying_key()
}

fn peers(max_peers: usize) -> Peers {
    let mut peers = Peers::default();
    peers.set_limits(AddressBookLimits {
        max_peers,
        ..AddressBookLimits::default()
    });
    peers
}

#[test]
fn the_node_not_heard_of_for_longest_makes_room() {
    let mut peers = peers(2);
    let (first, second, third) = (node_id(), node_id(), node_id());

    assert!(peers.heard_of(first, Standing::Announced));
    assert!(peers.heard_of(second, Standing::Announced));
    assert!(peers.heard_of(first, Standing::Announced));
    assert_eq!(peers.next_to_go(), None);

    assert!(peers.heard_of(third, Standing::Announced));
    assert_eq!(peers.next_to_go(), Some(second));
    assert_eq!(peers.next_to_go(), None);
    assert_eq!(peers.stats().evicted, 1);
}

#[test]
fn announced_nodes_push_no_other_out() {
    let mut peers = peers(4);
    let met = node_id();
    peers.heard_of(met, Standing::Met);
    peers.heard_of(node_id(), Standing::Added);
    peers.heard_of(node_id(), Standing::Bootstrap);
    peers.heard_of(node_id(), Standing::Own);

    assert!(!peers.heard_of(node_id(), Standing::Announced));
    assert_eq!(peers.next_to_go(), None);
    assert_eq!(peers.stats().refused, 1);

    // What the application adds is taken.
    assert!(peers.heard_of(node_id(), Standing::Added));
    assert_eq!(peers.next_to_go(), Some(met));
}

#[test]
fn the_standing_of_a_node_is_never_lowered() {
    let mut peers = peers(4);
    let node_id = node_id();

    peers.heard_of(node_id, Standing::Met);
    peers.heard_of(node_id, Standing::Announced);

    assert_eq!(peers.standing(&node_id), Some(Standing::Met));
    assert_eq!(peers.stats().peers, 1);
}

#[tokio::test(start_paused = true)]
async fn only_what_the_network_told_expires() {
    let mut peers = peers(16);
    let (announced, met) = (node_id(), node_id());
    peers.heard_of(announced, Standing::Announced);
    advance(MINUTE).await;
    peers.heard_of(met, Standing::Met);
    for standing in [Standing::Added, Standing::Bootstrap, Standing::Own] {
        peers.heard_of(node_id(), standing);
    }

    advance(58 * MINUTE).await;
    assert_eq!(peers.next_to_go(), None);
    advance(MINUTE).await;
    assert_eq!(peers.next_to_go(), Some(announced));
    assert_eq!(peers.next_to_go(), None);
    advance(MINUTE).await;
    assert_eq!(peers.next_to_go(), Some(met));
    advance(10_000 * MINUTE).await;
    assert_eq!(peers.next_to_go(), None);

    assert_eq!(peers.stats().expired, 2);
    assert_eq!(peers.stats().peers, 3);
}

#[test]
fn a_removed_node_leaves_nothing_behind() {
    let mut peers = peers(16);
    let node_id = node_id();

    peers.heard_of(node_id, Standing::Announced);
    peers.remove(&node_id);
    peers.remove(&node_id);

    assert!(peers.turns.is_empty());
    assert!(peers.queue.is_empty());
}
