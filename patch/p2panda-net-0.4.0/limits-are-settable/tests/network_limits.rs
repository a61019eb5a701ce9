// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds that the application sets, on running nodes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use p2panda_core::PrivateKey;
use p2panda_net::{Limits, LimitsError, Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

fn builder(limits: Limits) -> NetworkBuilder<Topic> {
    NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .limits(limits)
}

fn stranger() -> NodeAddress {
    let mut address = NodeAddress::from_public_key(PrivateKey::new().public_key());
    address.direct_addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9))];
    address
}

async fn address_of(network: &Network<Topic>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}

#[tokio::test]
async fn a_node_keeps_to_the_bound_it_was_given() {
    let network = builder(Limits::default().max_peers(5))
        .build()
        .await
        .unwrap();
    for _ in 0..50 {
        network.add_peer(stranger()).await.unwrap();
    }

    assert_eq!(network.known_peers().await.unwrap().len(), 5);
    network.shutdown().await.unwrap();
}

/// Sockets know no paused time: this one waits for two seconds.
#[tokio::test]
async fn a_stranger_is_forgotten_after_its_time_to_live_and_a_neighbour_is_not() {
    let (ours, theirs) = (
        builder(Limits::default().peer_ttl(Duration::from_secs(2)))
            .build()
            .await
            .unwrap(),
        builder(Limits::default()).build().await.unwrap(),
    );
    let neighbour = address_of(&theirs).await;
    ours.add_peer(neighbour.clone()).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (_tx, _rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (_their_tx, _their_rx, _) = theirs.subscribe(Topic).await.unwrap();
    timeout(Duration::from_secs(30), ready)
        .await
        .unwrap()
        .unwrap();

    // Joining may have taken longer than that.
    ours.add_peer(neighbour.clone()).await.unwrap();
    let stranger = stranger();
    ours.add_peer(stranger.clone()).await.unwrap();
    assert!(ours.known_peers().await.unwrap().contains(&stranger));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let known = ours.known_peers().await.unwrap();
    assert!(known.contains(&neighbour) && !known.contains(&stranger));

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_bound_of_zero_is_refused_when_the_node_is_built() {
    let limits = Limits::default().peer_ttl(Duration::ZERO);
    let refused = builder(limits).build().await.unwrap_err();

    assert_eq!(
        refused.downcast_ref(),
        Some(&LimitsError::Zero { limit: "peer_ttl" })
    );
    assert_eq!(
        refused.to_string(),
        "limit `peer_ttl` is zero, but must be greater"
    );
}
