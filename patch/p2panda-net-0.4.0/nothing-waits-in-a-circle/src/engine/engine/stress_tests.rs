// SPDX-License-Identifier: MIT OR Apache-2.0

//! Engines with their actors over real connections: with queues for one message, where a circle of
//! those who wait would close at once, and with interfaces that change.
//!
//! Sockets know no paused time, so these take a few seconds.

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use iroh::{Endpoint, RelayMode};
use iroh_gossip::net::{GOSSIP_ALPN, Gossip};
use p2panda_core::PrivateKey;
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::addrs::to_node_addr;
use crate::engine::gossip::GossipActor;
use crate::engine::{AddressBook, NewStream};
use crate::network::{FromNetwork, SubscriptionId, ToNetwork};
use crate::protocols::ProtocolHandler;
use crate::sync::manager::{SyncActor, ToSyncActor};
use crate::sync::{SYNC_CONNECTION_ALPN, SyncConnection};
use crate::{Limits, NodeAddress, SyncConfiguration, from_private_key};

use super::engine_tests::NETWORK;
use super::{EngineActor, ToEngineActor};

type Topic = SyncTestTopic;

#[tokio::test]
async fn with_queues_for_one_message_everything_at_once_comes_to_an_end() {
    let (one, other) = (Parts::new(1).await.run(), Parts::new(1).await.run());
    let (one, other) = (Arc::new(one), Arc::new(other));
    one.tell(ToEngineActor::AddPeer {
        node_addr: other.address.clone(),
    })
    .await;
    let joined = (one.subscribe(0).await, other.subscribe(0).await);
    in_time(joined.0.ready).await.unwrap();
    in_time(joined.1.ready).await.unwrap();

    let mut load = JoinSet::new();
    for (node, peer) in [(&one, &other), (&other, &one)] {
        for topic in 0..4 {
            load.spawn(publish(node.clone(), topic));
            load.spawn(come_and_go(node.clone(), topic));
        }
        load.spawn(sync(node.clone(), peer.address.clone()));
        load.spawn(forget_and_find(node.clone(), peer.address.clone()));
        load.spawn(ask(node.clone()));
    }
    in_time(load.join_all()).await;
    tokio::join!(one.shut_down(), other.shut_down());
}

#[tokio::test]
async fn subscriptions_outlive_a_change_of_the_network_interfaces() {
    let theirs = Parts::new(64).await.run();
    let ours = Parts::new(64).await;
    let (mut engine, handle) = ours.drive();
    handle.add(&theirs.address);
    let (mut stream, mut their_stream) = drive(&mut engine, async {
        let mut streams = (handle.subscribe(0).await, theirs.subscribe(0).await);
        (&mut streams.0.ready).await.unwrap();
        (&mut streams.1.ready).await.unwrap();
        streams
    })
    .await;

    for number in 0..3 {
        in_time(engine.on_interface_change()).await.unwrap();
        // As interfaces come and go one after the other.
        in_time(engine.on_interface_change()).await.unwrap();
        let stats = engine.stats().await.streams;
        assert_eq!((stats.streams, stats.joined, stats.pending), (1, 0, 1));
        drive(&mut engine, async {
            let again = handle.subscribe(0).await;
            again.ready.await.unwrap();
            handle.unsubscribe(again.id).await;
            stream.say(&[number, 0]).await;
            their_stream.say(&[number, 1]).await;
            assert_eq!(their_stream.heard().await, [number, 0]);
            assert_eq!(stream.heard().await, [number, 1]);
        })
        .await;
    }
    theirs.shut_down().await;
}

/// Publishes and reads, beside somebody who does not read.
async fn publish(node: Arc<Running>, topic: usize) {
    let _unread = node.subscribe(topic).await;
    let Stream { tx, mut rx, .. } = node.subscribe(topic).await;
    let reading = tokio::spawn(async move { while rx.recv().await.is_some() {} });
    for number in 0..40u8 {
        let bytes = vec![number; 100];
        tx.send(ToNetwork::Message { bytes }).await.unwrap();
    }
    drop(tx);
    reading.abort();
}

async fn come_and_go(node: Arc<Running>, topic: usize) {
    for number in 0..15 {
        let stream = node.subscribe(topic + number % 2).await;
        match number % 3 {
            0 => assert!(node.unsubscribe(stream.id).await),
            1 => drop(stream.stop.drop_guard()),
            _ => drop(stream),
        }
    }
}

/// Real sessions, each on a topic of its own.
async fn sync(node: Arc<Running>, peer: NodeAddress) {
    for number in 100..110 {
        let discovered = ToSyncActor::new_discovery(peer.public_key, topic(number));
        node.sync_tx.send(discovered).await.unwrap();
    }
}

async fn forget_and_find(node: Arc<Running>, peer: NodeAddress) {
    for _ in 0..15 {
        let public_keys = vec![peer.public_key];
        node.ask(|reply| ToEngineActor::RemovePeers { public_keys, reply })
            .await;
        let node_addr = peer.clone();
        node.tell(ToEngineActor::AddPeer { node_addr }).await;
    }
}

async fn ask(node: Arc<Running>) {
    for _ in 0..40 {
        node.ask(|reply| ToEngineActor::Stats { reply }).await;
    }
}

/// An engine and its actors, which do not run yet.
struct Parts {
    engine: EngineActor<Topic>,
    gossip_actor: GossipActor<Topic>,
    sync_actor: SyncActor<Topic>,
    handle: Handle,
}

/// Where to reach an engine, and what else its node is made of.
struct Handle {
    capacity: usize,
    address: NodeAddress,
    endpoint: Endpoint,
    engine_tx: mpsc::Sender<ToEngineActor<Topic>>,
    sync_tx: mpsc::Sender<ToSyncActor<Topic>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

struct Running {
    handle: Handle,
    engine: AbortOnDropHandle<Result<()>>,
}

struct Stream {
    id: SubscriptionId,
    tx: mpsc::Sender<ToNetwork>,
    rx: mpsc::Receiver<FromNetwork>,
    ready: oneshot::Receiver<()>,
    stop: CancellationToken,
}

impl Parts {
    /// All queues hold this many messages.
    async fn new(capacity: usize) -> Self {
        let key = PrivateKey::new();
        let endpoint = Endpoint::builder()
            .secret_key(from_private_key(key.clone()))
            .relay_mode(RelayMode::Disabled)
            .alpns(vec![GOSSIP_ALPN.to_vec(), SYNC_CONNECTION_ALPN.to_vec()])
            .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
            .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
            .bind()
            .await
            .unwrap();
        let gossip = Gossip::builder().spawn(endpoint.clone()).await.unwrap();
        let (engine_tx, inbox) = mpsc::channel(capacity);
        let (gossip_tx, gossip_rx) = mpsc::channel(capacity);
        let book = AddressBook::new(NETWORK);

        let config = SyncConfiguration::new(PingPongProtocol {});
        let accepts = SyncConnection::new(config.protocol(), engine_tx.clone());
        let (sync_actor, actor_tx) = SyncActor::new(config, endpoint.clone(), engine_tx.clone());
        let (sync_tx, mut sync_rx) = mpsc::channel(capacity);
        // The actor makes its own inbox: this is a shorter one in front of it.
        let shorten = async move {
            while let Some(message) = sync_rx.recv().await {
                actor_tx.send(message).await.ok();
            }
        };
        let engine = EngineActor::new(
            key,
            endpoint.clone(),
            book.clone(),
            inbox,
            gossip_tx,
            Some(sync_tx.clone()),
            NETWORK,
            true,
        )
        .with_limits(Limits::default().backlog_messages(capacity));
        let accept = accept(endpoint.clone(), gossip.clone(), Arc::new(accepts));
        Self {
            engine,
            gossip_actor: GossipActor::new(true, gossip_rx, gossip, engine_tx.clone()),
            sync_actor: sync_actor.following(book),
            handle: Handle {
                capacity,
                address: to_node_addr(endpoint.node_addr().await.unwrap()),
                endpoint,
                engine_tx,
                sync_tx,
                _tasks: vec![
                    AbortOnDropHandle::new(tokio::spawn(shorten)),
                    AbortOnDropHandle::new(tokio::spawn(accept)),
                ],
            },
        }
    }

    fn run(self) -> Running {
        let engine = self.engine.run(self.gossip_actor, Some(self.sync_actor));
        Running {
            handle: self.handle,
            engine: AbortOnDropHandle::new(tokio::spawn(engine)),
        }
    }

    /// Runs the actors, but for the engine.
    fn drive(self) -> (EngineActor<Topic>, Handle) {
        let (mut gossip_actor, sync_actor) = (self.gossip_actor, self.sync_actor);
        let mut handle = self.handle;
        let gossip = async move { gossip_actor.run().await.unwrap() };
        let sync = async move { sync_actor.run(CancellationToken::new()).await.unwrap() };
        handle._tasks.extend([
            AbortOnDropHandle::new(tokio::spawn(gossip)),
            AbortOnDropHandle::new(tokio::spawn(sync)),
        ]);
        (self.engine, handle)
    }
}

/// Runs the engine until something has happened.
async fn drive<T>(engine: &mut EngineActor<Topic>, until: impl Future<Output = T>) -> T {
    in_time(async {
        tokio::select! {
            ended = engine.run_inner() => panic!("the engine has ended: {ended:?}"),
            done = until => done,
        }
    })
    .await
}

async fn accept(endpoint: Endpoint, gossip: Gossip, sync: Arc<SyncConnection<Topic>>) {
    let mut sessions = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let Ok(mut connecting) = incoming.accept() else {
            continue;
        };
        match connecting.alpn().await {
            Ok(alpn) if alpn == GOSSIP_ALPN => {
                if let Ok(connection) = connecting.await {
                    gossip.handle_connection(connection).await.ok();
                }
            }
            Ok(_) => drop(sessions.spawn(sync.clone().accept(connecting))),
            Err(_) => {}
        }
    }
}

impl Running {
    async fn shut_down(&self) {
        self.ask(|reply| ToEngineActor::Shutdown { reply }).await;
        in_time(async {
            while !self.engine.is_finished() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        in_time(self.endpoint.close()).await;
    }
}

impl std::ops::Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Handle {
    async fn subscribe(&self, number: usize) -> Stream {
        let (tx, to_network_rx) = mpsc::channel(self.capacity);
        let (from_network_tx, rx) = mpsc::channel(self.capacity);
        let (gossip_ready_tx, ready) = oneshot::channel();
        let stop = CancellationToken::new();
        let stream = NewStream {
            topic: topic(number),
            to_network_rx,
            from_network_tx,
            gossip_ready_tx,
            stop: stop.clone(),
        };
        let id = self
            .ask(|reply| ToEngineActor::SubscribeWithId { stream, reply })
            .await;
        Stream {
            id,
            tx,
            rx,
            ready,
            stop,
        }
    }

    async fn unsubscribe(&self, id: SubscriptionId) -> bool {
        self.ask(|reply| ToEngineActor::Unsubscribe { id, reply })
            .await
    }

    /// Tells the engine of a peer before it runs.
    fn add(&self, address: &NodeAddress) {
        let node_addr = address.clone();
        let added = self
            .engine_tx
            .try_send(ToEngineActor::AddPeer { node_addr });
        added.unwrap();
    }

    async fn tell(&self, message: ToEngineActor<Topic>) {
        in_time(self.engine_tx.send(message)).await.unwrap();
    }

    async fn ask<A>(&self, message: impl FnOnce(oneshot::Sender<A>) -> ToEngineActor<Topic>) -> A {
        let (reply, answer) = oneshot::channel();
        self.tell(message(reply)).await;
        in_time(answer).await.unwrap()
    }
}

impl Stream {
    async fn say(&self, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.tx.send(ToNetwork::Message { bytes }).await.unwrap();
    }

    async fn heard(&mut self) -> Vec<u8> {
        loop {
            match self.rx.recv().await {
                Some(FromNetwork::GossipMessage { bytes, .. }) => return bytes,
                Some(FromNetwork::SyncMessage { .. }) => {}
                None => panic!("the stream has ended"),
            }
        }
    }
}

fn topic(number: usize) -> Topic {
    let mut topic = SyncTestTopic::new(&number.to_string());
    topic.1 = [number as u8 + 2; 32];
    topic
}

/// What takes a second here may take many on a machine that is busy.
async fn in_time<F: Future>(future: F) -> F::Output {
    let done = timeout(Duration::from_secs(60), future).await;
    done.expect("it takes longer than a minute")
}
