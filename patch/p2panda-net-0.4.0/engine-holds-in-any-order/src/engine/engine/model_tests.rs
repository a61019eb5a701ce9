// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whatever happens to an engine, in any order: it answers, and when all have left nothing is left.
//!
//! The engine with its streams and address book is driven a step at a time; the sync actor runs. The
//! test stands for the application, for the peers, and for the gossip actor, which tells what it has
//! to tell as late as it likes. Time is paused: who hangs is found out at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use ciborium::Value;
use iroh::{Endpoint, RelayMode};
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{advance, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bytes::ToBytes;
use crate::engine::gossip::ToGossipActor;
use crate::engine::topic_discovery::TopicDiscoveryMessage;
use crate::engine::{AddressBook, NewStream};
use crate::network::{FromNetwork, SubscriptionId, ToNetwork};
use crate::sync::bounds::SyncBounds;
use crate::sync::manager::SyncActor;
use crate::{Limits, NodeAddress, SyncConfiguration};

use super::engine_tests::NETWORK;
use super::{EngineActor, ToEngineActor};

/// About ten seconds in a debug build.
const CASES: u32 = 200;
const STEPS_MAX: usize = 60;

/// Sequences that are generated from the same seed are the same.
const SEED: [u8; 32] = [7; 32];

const PEERS: usize = 3;

/// Two of the topics have one id.
const TOPIC_IDS: [[u8; 32]; 4] = [[2; 32], [3; 32], [3; 32], [4; 32]];

/// Figures that only rise: they tell what has happened, not what is there.
const COUNTERS: [&str; 14] = [
    "address_book.dropped_sockets",
    "address_book.evicted_added",
    "address_book.evicted_addresses",
    "address_book.evicted_announced",
    "address_book.evicted_discovered",
    "address_book.evicted_topics",
    "address_book.expired",
    "address_book.refused",
    "delivery.dropped_gossip",
    "gossip_buffers.released_full",
    "gossip_buffers.released_overdue",
    "sync.evicted_scopes",
    "sync.expired_scopes",
    "sync.refused_scopes",
];

#[derive(Clone, Copy, Debug)]
enum Step {
    // The application. Which stream is meant is an index modulo their number.
    Subscribe { topic: usize, guarded: bool },
    Unsubscribe(usize),
    DropGuard(usize),
    DropSender(usize),
    DropReceiver(usize),
    DropReady(usize),
    Publish(usize),
    Read(usize),
    AddPeer(usize),
    RemovePeer(usize),
    Shrink,

    // Gossip; the overlay of the network comes behind those of the topics.
    Up { overlay: usize, peer: usize },
    Down { overlay: usize, peer: usize },
    Gossip { overlay: usize, peer: usize },
    Announce { peer: usize, topics: usize },
    Deliver(usize),

    // Sync sessions.
    Handshake { topic: usize, peer: usize },
    SyncMessage(usize),
    SyncDone(usize),
    SyncFailed(usize),

    // The node.
    Tick,
    Reset,
    Seconds(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (topic, peer, overlay) = (0..TOPIC_IDS.len(), 0..PEERS, 0..=TOPIC_IDS.len());
    let which = 0..8usize;
    let application = prop_oneof![
        6 => (topic.clone(), any::<bool>())
            .prop_map(|(topic, guarded)| Step::Subscribe { topic, guarded }),
        2 => which.clone().prop_map(Step::Unsubscribe),
        2 => which.clone().prop_map(Step::DropGuard),
        2 => which.clone().prop_map(Step::DropSender),
        2 => which.clone().prop_map(Step::DropReceiver),
        1 => which.clone().prop_map(Step::DropReady),
        2 => which.clone().prop_map(Step::Publish),
        1 => which.clone().prop_map(Step::Read),
        2 => peer.clone().prop_map(Step::AddPeer),
        1 => peer.clone().prop_map(Step::RemovePeer),
        1 => Just(Step::Shrink),
    ];
    let gossip = prop_oneof![
        4 => (overlay.clone(), peer.clone()).prop_map(|(overlay, peer)| Step::Up { overlay, peer }),
        1 => (overlay.clone(), peer.clone()).prop_map(|(overlay, peer)| Step::Down { overlay, peer }),
        3 => (overlay, peer.clone()).prop_map(|(overlay, peer)| Step::Gossip { overlay, peer }),
        3 => (peer.clone(), 1..16usize).prop_map(|(peer, topics)| Step::Announce { peer, topics }),
        3 => (1..4usize).prop_map(Step::Deliver),
    ];
    let sync = prop_oneof![
        2 => (topic, peer).prop_map(|(topic, peer)| Step::Handshake { topic, peer }),
        1 => which.clone().prop_map(Step::SyncMessage),
        1 => which.clone().prop_map(Step::SyncDone),
        1 => which.prop_map(Step::SyncFailed),
    ];
    let node = prop_oneof![
        4 => Just(Step::Tick),
        1 => Just(Step::Reset),
        1 => (1..100u64).prop_map(Step::Seconds),
    ];
    let step = prop_oneof![8 => application, 8 => gossip, 4 => sync, 4 => node];
    vec(step, 1..STEPS_MAX)
}

#[test]
fn after_everything_left_in_any_order_every_figure_is_back_at_its_start() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let endpoint = runtime.block_on(endpoint());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let held = runner.run(&(steps(), any::<bool>()), |(steps, shutdown)| {
        runtime.block_on(run(endpoint.clone(), steps, shutdown))
    });
    if let Err(broken) = held {
        panic!("{broken}");
    }
}

async fn run(endpoint: Endpoint, steps: Vec<Step>, shutdown: bool) -> Result<(), TestCaseError> {
    let mut node = Node::new(endpoint);
    node.settle().await;
    let start = node.figures().await;
    for step in steps {
        node.take(step).await;
        node.settle().await;
        node.holds().await?;
    }
    if shutdown {
        return node.shut_down().await;
    }
    node.everything_leaves().await;
    for _ in 0..100 {
        node.settle().await;
        if node.figures().await == start {
            return Ok(());
        }
        advance(Duration::from_millis(100)).await;
    }
    prop_assert_eq!(node.figures().await, start);
    Ok(())
}

struct Node {
    engine: EngineActor<SyncTestTopic>,
    inbox: mpsc::Sender<ToEngineActor<SyncTestTopic>>,
    gossip: GossipActor,
    sync_bounds: Arc<SyncBounds>,
    sync_actor: AbortHandle,
    peers: Vec<PrivateKey>,
    streams: Vec<Stream>,
    sessions: Vec<(SyncTestTopic, PublicKey)>,
}

struct Stream {
    topic: usize,
    /// Only those that were subscribed with one have a name.
    id: Option<SubscriptionId>,
    guard: Option<DropGuard>,
    tx: Option<mpsc::Sender<ToNetwork>>,
    rx: Option<mpsc::Receiver<FromNetwork>>,
    ready: Option<oneshot::Receiver<()>>,
}

/// What the gossip actor knows, and has yet to tell.
struct GossipActor {
    inbox: mpsc::Receiver<ToGossipActor>,
    overlays: HashMap<[u8; 32], Overlay>,
    tells: VecDeque<ToEngineActor<SyncTestTopic>>,
}

#[derive(Default)]
struct Overlay {
    wanted: bool,
    joined: bool,
    neighbours: BTreeSet<[u8; 32]>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.sync_actor.abort();
    }
}

impl Node {
    fn new(endpoint: Endpoint) -> Self {
        let (gossip_tx, gossip_rx) = mpsc::channel(10_000);
        let (inbox, inbox_rx) = mpsc::channel(10_000);
        let book = AddressBook::new(NETWORK);
        let config = SyncConfiguration::new(PingPongProtocol {});
        let (sync_actor, sync_tx) = SyncActor::new(config, endpoint.clone(), inbox.clone());
        let sync_bounds = Arc::new(SyncBounds::new(Limits::default().sync));
        let sync_actor = sync_actor.following(book.clone());
        let sync_actor = sync_actor.within(sync_bounds.clone());
        let sync_actor = tokio::spawn(sync_actor.run(CancellationToken::new()));
        let key = PrivateKey::from_bytes(&[1; 32]);
        let sync_tx = Some(sync_tx);
        let engine = EngineActor::new(
            key, endpoint, book, inbox_rx, gossip_tx, sync_tx, NETWORK, true,
        );
        Self {
            engine,
            inbox,
            gossip: GossipActor {
                inbox: gossip_rx,
                overlays: HashMap::new(),
                tells: VecDeque::new(),
            },
            sync_bounds,
            sync_actor: sync_actor.abort_handle(),
            peers: (0..PEERS as u8)
                .map(|number| PrivateKey::from_bytes(&[10 + number; 32]))
                .collect(),
            streams: Vec::new(),
            sessions: Vec::new(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Subscribe { topic, guarded } => self.subscribe(topic, guarded).await,
            Step::Unsubscribe(stream) => {
                if let Some(id) = self.stream(stream).and_then(|stream| stream.id) {
                    self.unsubscribe(id).await;
                }
            }
            Step::DropGuard(stream) => drop(self.stream(stream).and_then(|it| it.guard.take())),
            Step::DropSender(stream) => drop(self.stream(stream).and_then(|it| it.tx.take())),
            Step::DropReceiver(stream) => drop(self.stream(stream).and_then(|it| it.rx.take())),
            Step::DropReady(stream) => drop(self.stream(stream).and_then(|it| it.ready.take())),
            Step::Publish(stream) => {
                if let Some(tx) = self.stream(stream).and_then(|it| it.tx.as_ref()) {
                    let bytes = vec![0; 8];
                    tx.try_send(ToNetwork::Message { bytes }).ok();
                }
            }
            Step::Read(stream) => {
                if let Some(rx) = self.stream(stream).and_then(|it| it.rx.as_mut()) {
                    while rx.try_recv().is_ok() {}
                }
            }
            Step::AddPeer(peer) => {
                let node_addr = NodeAddress::from_public_key(self.peer(peer));
                self.tell(ToEngineActor::AddPeer { node_addr }).await;
            }
            Step::RemovePeer(peer) => {
                let public_keys = vec![self.peer(peer)];
                self.ask(|reply| ToEngineActor::RemovePeers { public_keys, reply })
                    .await;
            }
            Step::Shrink => {
                self.ask(|reply| ToEngineActor::Shrink { reply }).await;
            }
            Step::Up { overlay, peer } => self.gossip.up(overlay_id(overlay), self.peer(peer)),
            Step::Down { overlay, peer } => self.gossip.down(overlay_id(overlay), self.peer(peer)),
            Step::Gossip { overlay, peer } => {
                let peer = self.peer(peer);
                self.gossip.say(overlay_id(overlay), peer, vec![0; 8]);
            }
            Step::Announce { peer, topics } => {
                let topic_ids = TOPIC_IDS.iter().enumerate();
                let topic_ids = topic_ids.filter(|(at, _)| topics & (1 << at) != 0);
                let topic_ids = topic_ids.map(|(_, id)| *id).collect();
                let message = TopicDiscoveryMessage::new(topic_ids, &self.peers[peer]);
                self.gossip
                    .say(NETWORK, self.peer(peer), message.to_bytes());
            }
            Step::Deliver(number) => self.deliver(number).await,
            Step::Handshake { topic, peer } => {
                let session = (topic_of(topic), self.peer(peer));
                self.sessions.push(session.clone());
                let (topic, peer) = session;
                self.tell(ToEngineActor::SyncHandshakeSuccess { topic, peer })
                    .await;
            }
            Step::SyncMessage(session) => {
                if let Some((topic, delivered_from)) = self.session(session) {
                    self.tell(ToEngineActor::SyncMessage {
                        topic,
                        header: vec![0; 8],
                        payload: None,
                        delivered_from,
                    })
                    .await;
                }
            }
            Step::SyncDone(session) => {
                if let Some((topic, peer)) = self.session(session) {
                    let session = session % self.sessions.len();
                    self.sessions.swap_remove(session);
                    self.tell(ToEngineActor::SyncDone { topic, peer }).await;
                }
            }
            Step::SyncFailed(session) => {
                if let Some((topic, peer)) = self.session(session) {
                    let session = session % self.sessions.len();
                    self.sessions.swap_remove(session);
                    let topic = Some(topic);
                    self.tell(ToEngineActor::SyncFailed { topic, peer }).await;
                }
            }
            Step::Tick => self.tick().await,
            Step::Reset => in_time(self.engine.on_interface_change()).await.unwrap(),
            Step::Seconds(seconds) => advance(Duration::from_secs(seconds)).await,
        }
    }

    async fn subscribe(&mut self, topic: usize, guarded: bool) {
        let (tx, to_network_rx) = mpsc::channel(4);
        let (from_network_tx, rx) = mpsc::channel(4);
        let (gossip_ready_tx, ready) = oneshot::channel();
        let (mut id, mut guard) = (None, None);
        if guarded {
            let stop = CancellationToken::new();
            guard = Some(stop.clone().drop_guard());
            let stream = NewStream {
                topic: topic_of(topic),
                to_network_rx,
                from_network_tx,
                gossip_ready_tx,
                stop,
            };
            let message = |reply| ToEngineActor::SubscribeWithId { stream, reply };
            id = Some(self.ask(message).await);
        } else {
            self.tell(ToEngineActor::SubscribeTopic {
                topic: topic_of(topic),
                from_network_tx,
                to_network_rx,
                gossip_ready_tx,
            })
            .await;
        }
        self.streams.push(Stream {
            topic,
            id,
            guard,
            tx: Some(tx),
            rx: Some(rx),
            ready: Some(ready),
        });
    }

    async fn unsubscribe(&mut self, id: SubscriptionId) {
        let is_known = self
            .ask(|reply| ToEngineActor::Unsubscribe { id, reply })
            .await;
        let before = self.streams.len();
        self.streams.retain(|stream| stream.id != Some(id));
        assert_eq!(is_known, self.streams.len() < before);
    }

    /// What the engine does by its timers.
    async fn tick(&mut self) {
        let engine = &mut self.engine;
        in_time(engine.topic_discovery.start()).await.unwrap();
        let topic_ids = engine.topic_streams.topic_ids();
        let discovery = &engine.topic_discovery;
        in_time(discovery.announce(topic_ids, &engine.private_key))
            .await
            .unwrap();
        let joins = engine.topic_streams.try_join_pending_gossips();
        in_time(joins).await.unwrap();
        engine.topic_streams.release_overdue_gossip();
        in_time(engine.address_book.cleanup_stale_peers()).await;
        engine.topic_streams.cleanup_gossip_buffers();
    }

    /// Lets everybody take what was sent to them, but the engine what gossip has to tell.
    async fn settle(&mut self) {
        self.streams.retain(Stream::is_open);
        for _ in 0..8 {
            yield_now().await;
            let closed = self.engine.topic_streams.cleanup_closed_streams();
            in_time(closed).await.unwrap();
            while let Ok(message) = self.engine.inbox.try_recv() {
                self.tell(message).await;
            }
            self.gossip.hear();
        }
    }

    /// What must be true after each step.
    async fn holds(&mut self) -> Result<(), TestCaseError> {
        let topics: BTreeSet<_> = self.streams.iter().map(|stream| stream.topic).collect();
        let topic_ids: BTreeSet<_> = topics.iter().map(|topic| TOPIC_IDS[*topic]).collect();
        let stats = self.ask(|reply| ToEngineActor::Stats { reply }).await;
        let streams = &stats.streams;
        prop_assert_eq!(streams.streams, self.streams.len());
        prop_assert_eq!(streams.topics, topics.len());
        prop_assert_eq!(streams.topic_ids, topic_ids.len());
        prop_assert_eq!(streams.joined + streams.pending, topic_ids.len());
        prop_assert!(streams.waiting <= self.streams.len(), "{:?}", streams);
        let buffers = &stats.gossip_buffers;
        prop_assert_eq!(buffers.locks, self.sessions.len());
        prop_assert!(buffers.messages == 0 || !topics.is_empty(), "{:?}", buffers);
        let sync = self.sync_bounds.stats();
        prop_assert!(sync.scopes <= PEERS * topics.len(), "{:?}", sync);
        Ok(())
    }

    async fn everything_leaves(&mut self) {
        self.streams.clear();
        for (topic, peer) in std::mem::take(&mut self.sessions) {
            self.tell(ToEngineActor::SyncDone { topic, peer }).await;
        }
        self.settle().await;
        for peer in 0..PEERS {
            self.gossip.down(NETWORK, self.peer(peer));
        }
        self.deliver(usize::MAX).await;
        let public_keys = (0..PEERS).map(|peer| self.peer(peer)).collect();
        self.ask(|reply| ToEngineActor::RemovePeers { public_keys, reply })
            .await;
        self.tick().await;
    }

    async fn shut_down(mut self) -> Result<(), TestCaseError> {
        let (reply, _) = oneshot::channel();
        self.inbox
            .send(ToEngineActor::Shutdown { reply })
            .await
            .ok();
        in_time(self.engine.shutdown()).await.unwrap();
        let streams = std::mem::take(&mut self.streams);
        drop(self);
        for stream in streams {
            if let Some(tx) = stream.tx {
                in_time(tx.closed()).await;
            }
            if let Some(mut rx) = stream.rx {
                in_time(async { while rx.recv().await.is_some() {} }).await;
            }
        }
        Ok(())
    }

    async fn deliver(&mut self, number: usize) {
        let number = number.min(self.gossip.tells.len());
        for message in self.gossip.tells.drain(..number).collect::<Vec<_>>() {
            self.tell(message).await;
        }
    }

    async fn tell(&mut self, message: ToEngineActor<SyncTestTopic>) {
        in_time(self.engine.on_actor_message(message))
            .await
            .unwrap();
    }

    async fn ask<A>(
        &mut self,
        message: impl FnOnce(oneshot::Sender<A>) -> ToEngineActor<SyncTestTopic>,
    ) -> A {
        let (reply, answer) = oneshot::channel();
        self.tell(message(reply)).await;
        in_time(answer).await.unwrap()
    }

    /// Every figure that tells what is there, by its name.
    async fn figures(&mut self) -> BTreeMap<String, Value> {
        let mut stats = self.ask(|reply| ToEngineActor::Stats { reply }).await;
        stats.sync = self.sync_bounds.stats();
        let parts = Value::serialized(&stats).unwrap().into_map().unwrap();
        let figures = parts.into_iter().flat_map(|(part, figures)| {
            let part = part.into_text().unwrap();
            let figures = figures.into_map().unwrap().into_iter();
            figures.map(move |(name, figure)| {
                let name = name.into_text().unwrap();
                (format!("{part}.{name}"), figure)
            })
        });
        figures
            .filter(|(name, _)| !COUNTERS.contains(&name.as_str()))
            .collect()
    }

    fn peer(&self, peer: usize) -> PublicKey {
        self.peers[peer].public_key()
    }

    fn stream(&mut self, stream: usize) -> Option<&mut Stream> {
        let streams = self.streams.len().max(1);
        self.streams.get_mut(stream % streams)
    }

    fn session(&self, session: usize) -> Option<(SyncTestTopic, PublicKey)> {
        let sessions = self.sessions.len().max(1);
        self.sessions.get(session % sessions).cloned()
    }
}

impl Stream {
    fn is_open(&self) -> bool {
        let is_held = self.tx.is_some() || self.rx.is_some();
        is_held && (self.id.is_none() || self.guard.is_some())
    }
}

impl GossipActor {
    fn hear(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                ToGossipActor::Join { topic_id, .. } => {
                    self.overlays.entry(topic_id).or_default().wanted = true;
                }
                ToGossipActor::Leave { topic_id } => {
                    self.overlays.remove(&topic_id);
                    self.tells.push_back(ToEngineActor::GossipLeft { topic_id });
                }
                ToGossipActor::Reset => {
                    for overlay in self.overlays.values_mut() {
                        (overlay.wanted, overlay.joined) = (false, false);
                    }
                }
                ToGossipActor::Broadcast { .. } | ToGossipActor::Shutdown => {}
            }
        }
    }

    fn up(&mut self, topic_id: [u8; 32], peer: PublicKey) {
        let Some(overlay) = self.overlays.get_mut(&topic_id) else {
            return;
        };
        let is_new = overlay.neighbours.insert(*peer.as_bytes());
        if overlay.wanted && !overlay.joined {
            overlay.joined = true;
            let peers = overlay.neighbours.iter();
            let peers = peers.map(|key| PublicKey::from_bytes(key).unwrap());
            let peers = peers.collect();
            self.tells
                .push_back(ToEngineActor::GossipJoined { topic_id, peers });
        } else if is_new {
            self.tells
                .push_back(ToEngineActor::GossipNeighborUp { topic_id, peer });
        }
    }

    fn down(&mut self, topic_id: [u8; 32], peer: PublicKey) {
        let overlay = self.overlays.get_mut(&topic_id);
        if overlay.is_some_and(|overlay| overlay.neighbours.remove(peer.as_bytes())) {
            self.tells
                .push_back(ToEngineActor::GossipNeighborDown { topic_id, peer });
        }
    }

    fn say(&mut self, topic_id: [u8; 32], peer: PublicKey, bytes: Vec<u8>) {
        if self.overlays.contains_key(&topic_id) {
            self.tells.push_back(ToEngineActor::GossipMessage {
                bytes,
                delivered_from: peer,
                topic_id,
            });
        }
    }
}

fn topic_of(topic: usize) -> SyncTestTopic {
    let mut named = SyncTestTopic::new(&topic.to_string());
    named.1 = TOPIC_IDS[topic];
    named
}

fn overlay_id(overlay: usize) -> [u8; 32] {
    TOPIC_IDS.get(overlay).copied().unwrap_or(NETWORK)
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

/// Who is waited for longer than this, has stopped.
async fn in_time<F: Future>(future: F) -> F::Output {
    let answered = timeout(Duration::from_secs(20), future).await;
    answered.expect("the engine does not answer")
}
