// SPDX-License-Identifier: MIT OR Apache-2.0

//! An engine one of whose actors has died.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use iroh::{Endpoint, RelayMode};
use iroh_gossip::net::Gossip;
use p2panda_core::PrivateKey;
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::SyncConfiguration;
use crate::engine::AddressBook;
use crate::engine::gossip::{GossipActor, ToGossipActor};
use crate::sync::manager::SyncActor;

use super::EngineActor;

const NETWORK: [u8; 32] = [1; 32];

/// What takes milliseconds here may take seconds on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_engine_whose_gossip_actor_has_died_ends() {
    let parts = Parts::new().await;
    // Nobody can send this actor anything, so it ends.
    let (_, inbox) = mpsc::channel(8);
    let gossip_actor = GossipActor::new(true, inbox, parts.gossip, parts.engine_tx.clone());

    let ended = timeout(PATIENCE, parts.engine.run(gossip_actor, None)).await;
    assert!(ended.is_ok_and(|ended| ended.is_err()), "it goes on");
}

#[tokio::test]
async fn an_engine_whose_sync_actor_has_died_ends() {
    let parts = Parts::new().await;
    let config = SyncConfiguration::new(PingPongProtocol {});
    let (sync_actor, sync_tx) =
        SyncActor::new(config, parts.endpoint.clone(), parts.engine_tx.clone());
    drop(sync_tx);
    let engine_tx = parts.engine_tx.clone();
    let gossip_actor = GossipActor::new(true, parts.gossip_rx, parts.gossip, engine_tx);

    let ended = timeout(PATIENCE, parts.engine.run(gossip_actor, Some(sync_actor))).await;
    assert!(ended.is_ok_and(|ended| ended.is_err()), "it goes on");
}

#[tokio::test]
async fn a_gossip_actor_whose_protocol_has_died_ends() {
    let endpoint = endpoint().await;
    // What runs the protocol can be taken away from it.
    let elsewhere = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let gossip = elsewhere.spawn(Gossip::builder().spawn(endpoint));
    let gossip = gossip.await.unwrap().unwrap();
    let (engine_tx, _engine_rx) = mpsc::channel::<super::ToEngineActor<SyncTestTopic>>(8);
    let (gossip_tx, inbox) = mpsc::channel(8);
    let mut actor = GossipActor::new(true, inbox, gossip, engine_tx);
    let running = tokio::spawn(async move { actor.run().await });
    let topic_id = [2; 32];
    let peers = vec![];
    let join = ToGossipActor::Join { topic_id, peers };
    gossip_tx.send(join).await.unwrap();

    elsewhere.shutdown_background();
    let noticed = async {
        loop {
            let bytes = b"anybody?".to_vec();
            let broadcast = ToGossipActor::Broadcast { topic_id, bytes };
            if gossip_tx.send(broadcast).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, noticed).await.is_ok(), "it goes on");
    assert!(running.await.unwrap().is_err());
}

/// What an engine is made of, whose inbox and gossip inbox stay open.
struct Parts {
    endpoint: Endpoint,
    gossip: Gossip,
    engine: EngineActor<SyncTestTopic>,
    engine_tx: mpsc::Sender<super::ToEngineActor<SyncTestTopic>>,
    gossip_rx: mpsc::Receiver<ToGossipActor>,
}

impl Parts {
    async fn new() -> Self {
        let endpoint = endpoint().await;
        let gossip = Gossip::builder().spawn(endpoint.clone()).await.unwrap();
        let (engine_tx, inbox) = mpsc::channel(64);
        let (gossip_tx, gossip_rx) = mpsc::channel(64);
        let engine = EngineActor::new(
            PrivateKey::new(),
            endpoint.clone(),
            AddressBook::new(NETWORK),
            inbox,
            gossip_tx,
            None,
            NETWORK,
            true,
        );
        Self {
            endpoint,
            gossip,
            engine,
            engine_tx,
            gossip_rx,
        }
    }
}

async fn endpoint() -> Endpoint {
    Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap()
}
