// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the engine survives.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use iroh::{Endpoint, RelayMode};
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::sync::mpsc;

use crate::TopicId;
use crate::bytes::ToBytes;
use crate::engine::AddressBook;
use crate::engine::gossip::ToGossipActor;
use crate::engine::topic_discovery::TopicDiscoveryMessage;

use super::{EngineActor, ToEngineActor};

const NETWORK: [u8; 32] = [1; 32];

#[tokio::test]
async fn an_engine_whose_event_receivers_were_dropped_handles_every_message() {
    let topic = SyncTestTopic::new("chat");
    let peer = PrivateKey::new().public_key();
    let mut ended_by = Vec::new();
    for (event, message) in messages_by_their_event(topic, peer) {
        let (mut engine, _gossip_rx) = engine().await;
        // Join attempts are made, as a join is an answer to one.
        engine.topic_discovery.start().await.unwrap();
        drop(engine.events());

        if engine.on_actor_message(message).await.is_err() {
            ended_by.push(event);
        }
    }
    assert_eq!(ended_by, Vec::<&str>::new());
}

fn messages_by_their_event(
    topic: SyncTestTopic,
    peer: PublicKey,
) -> Vec<(&'static str, ToEngineActor<SyncTestTopic>)> {
    let topic_id = topic.id();
    let announcement = TopicDiscoveryMessage::new(vec![topic_id], &PrivateKey::new());
    let joined = ToEngineActor::GossipJoined {
        topic_id: NETWORK,
        peers: vec![peer],
    };
    let announced = ToEngineActor::GossipMessage {
        bytes: announcement.to_bytes(),
        delivered_from: peer,
        topic_id: NETWORK,
    };
    let up = ToEngineActor::GossipNeighborUp { topic_id, peer };
    let down = ToEngineActor::GossipNeighborDown { topic_id, peer };
    let done = ToEngineActor::SyncDone {
        topic: topic.clone(),
        peer,
    };
    let failed = ToEngineActor::SyncFailed {
        topic: Some(topic),
        peer,
    };
    vec![
        ("GossipJoined", joined),
        ("GossipNeighborUp", up),
        ("GossipNeighborDown", down),
        ("PeerDiscovered", announced),
        (
            "SyncStarted",
            ToEngineActor::SyncStart { topic: None, peer },
        ),
        ("SyncDone", done),
        ("SyncFailed", failed),
    ]
}

/// The engine of a bootstrap node, which does not run: a test hands it its messages.
async fn engine() -> (EngineActor<SyncTestTopic>, mpsc::Receiver<ToGossipActor>) {
    let (gossip_tx, gossip_rx) = mpsc::channel(64);
    let (_inbox_tx, inbox) = mpsc::channel(64);
    let endpoint = Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap();
    let address_book = AddressBook::new(NETWORK);
    let key = PrivateKey::new();
    let engine = EngineActor::new(
        key,
        endpoint,
        address_book,
        inbox,
        gossip_tx,
        None,
        NETWORK,
        true,
    );
    (engine, gossip_rx)
}
