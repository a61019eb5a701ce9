// SPDX-License-Identifier: MIT OR Apache-2.0

//! An application that does not read one of its streams.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use p2panda_net::{FromNetwork, Network, NetworkBuilder, NodeAddress, ToNetwork, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic(u8);

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [self.0; 32]
    }
}

#[tokio::test]
async fn a_stream_that_is_never_read_costs_another_topic_no_message() {
    let (ours, theirs) = (node().await, node().await);
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (_unread, (their_other_tx, _)) = subscribe_both(&ours, &theirs, Topic(2)).await;
    let ((_tx, mut rx), (their_tx, _)) = subscribe_both(&ours, &theirs, Topic(3)).await;

    // More than a stream, the engine's inbox and what may be under way hold together.
    for number in 0..1000 {
        their_other_tx.send(message(number)).await.unwrap();
        if number % 10 == 0 {
            their_tx.send(message(number)).await.unwrap();
        }
    }

    let mut missing: BTreeSet<u32> = (0..1000).step_by(10).collect();
    while !missing.is_empty() {
        let next = timeout(Duration::from_secs(20), rx.recv()).await;
        let Ok(Some(FromNetwork::GossipMessage { bytes, .. })) = next else {
            panic!("{} messages are missing", missing.len());
        };
        missing.remove(&u32::from_be_bytes(bytes.try_into().unwrap()));
    }
    let peers = timeout(Duration::from_secs(20), ours.known_peers()).await;
    assert!(
        peers.is_ok_and(|peers| peers.is_ok()),
        "the engine is held up"
    );

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

type Stream = (mpsc::Sender<ToNetwork>, mpsc::Receiver<FromNetwork>);

async fn subscribe_both(
    ours: &Network<Topic>,
    theirs: &Network<Topic>,
    topic: Topic,
) -> (Stream, Stream) {
    let (tx, rx, ready) = ours.subscribe(topic.clone()).await.unwrap();
    let (their_tx, their_rx, their_ready) = theirs.subscribe(topic).await.unwrap();
    let joined = timeout(Duration::from_secs(30), async {
        tokio::try_join!(ready, their_ready)
    });
    assert!(joined.await.is_ok_and(|joined| joined.is_ok()), "no join");
    ((tx, rx), (their_tx, their_rx))
}

fn message(number: u32) -> ToNetwork {
    ToNetwork::Message {
        bytes: number.to_be_bytes().into(),
    }
}

async fn node() -> Network<Topic> {
    NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .build()
        .await
        .unwrap()
}

async fn address_of(network: &Network<Topic>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}
