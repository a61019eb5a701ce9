// SPDX-License-Identifier: MIT OR Apache-2.0

//! Joining and leaving overlays, as the engine asks the gossip actor to.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use futures_lite::StreamExt;
use iroh::{Endpoint, NodeId, RelayMode};
use iroh_gossip::net::{Event, GOSSIP_ALPN, Gossip, GossipEvent, GossipReceiver, GossipSender};
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::ToEngineActor;
use crate::to_public_key;

use super::{GossipActor, ToGossipActor};

pub(super) const TOPIC: [u8; 32] = [2; 32];

/// What takes milliseconds here may take seconds on a machine that is busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn attempts_to_join_without_peers_hold_one_subscription() {
    let mut actor = Actor::start(true).await;
    actor.join(&[]).await;
    sleep(Duration::from_millis(200)).await;
    let tasks = Handle::current().metrics().num_alive_tasks();

    for _ in 0..50 {
        actor.join(&[]).await;
    }
    sleep(Duration::from_millis(500)).await;
    let more = Handle::current().metrics().num_alive_tasks() as i64 - tasks as i64;
    assert!(more < 10, "50 more attempts hold {more} tasks");

    // Somebody comes, and is met once.
    let theirs = Node::start().await;
    let _subscribed = theirs.subscribe(&actor.node).await;
    assert_eq!(actor.joined().await, Some(vec![theirs.public_key()]));
    actor.join(&[]).await;
    let next = timeout(Duration::from_millis(500), actor.joined()).await;
    assert!(next.is_err(), "joined again: {next:?}");
}

#[tokio::test]
async fn a_node_whose_first_peers_do_not_answer_asks_others() {
    let mut actor = Actor::start(false).await;
    let theirs = Node::start().await;
    let _subscribed = theirs.subscribe_alone().await;
    actor.join(&[PrivateKey::new().public_key()]).await;
    actor.knows(&theirs).await;
    actor.join(&[theirs.public_key()]).await;

    assert_eq!(actor.joined().await, Some(vec![theirs.public_key()]));
}

#[tokio::test]
async fn leaving_a_topic_leaves_its_overlay() {
    let mut actor = Actor::start(false).await;
    let theirs = Node::start().await;
    let (_their_tx, mut their_rx) = theirs.subscribe(&actor.node).await;
    actor.knows(&theirs).await;
    actor.join(&[theirs.public_key()]).await;
    assert_eq!(actor.joined().await, Some(vec![theirs.public_key()]));

    actor.send(ToGossipActor::Leave { topic_id: TOPIC }).await;
    let gone = timeout(PATIENCE, neighbour_down(&mut their_rx)).await;
    assert_eq!(gone, Ok(Some(actor.node.id())), "the neighbour stays");
}

#[tokio::test]
async fn a_topic_that_was_left_before_anybody_came_stays_left() {
    let mut actor = Actor::start(true).await;
    actor.join(&[]).await;
    actor.send(ToGossipActor::Leave { topic_id: TOPIC }).await;
    sleep(Duration::from_millis(200)).await;

    let theirs = Node::start().await;
    let _subscribed = theirs.subscribe(&actor.node).await;
    let joined = timeout(Duration::from_secs(2), actor.joined()).await;
    assert!(joined.is_err(), "came back to life: {joined:?}");
}

#[tokio::test]
async fn a_topic_that_was_left_can_be_joined_again() {
    let mut actor = Actor::start(false).await;
    let theirs = Node::start().await;
    let _subscribed = theirs.subscribe_alone().await;
    actor.knows(&theirs).await;
    for _ in 0..3 {
        actor.join(&[theirs.public_key()]).await;
        assert_eq!(actor.joined().await, Some(vec![theirs.public_key()]));
        actor.send(ToGossipActor::Leave { topic_id: TOPIC }).await;
    }
}

#[tokio::test]
async fn the_first_attempt_after_a_reset_is_answered_anew() {
    let mut actor = Actor::start(false).await;
    let theirs = Node::start().await;
    let _subscribed = theirs.subscribe_alone().await;
    actor.knows(&theirs).await;
    for _ in 0..3 {
        actor.join(&[theirs.public_key()]).await;
        assert_eq!(actor.joined().await, Some(vec![theirs.public_key()]));
        actor.send(ToGossipActor::Reset).await;
    }
}

/// A running gossip actor, with this test for an engine.
pub(super) struct Actor {
    pub node: Node,
    inbox: mpsc::Sender<ToGossipActor>,
    pub engine: mpsc::Receiver<ToEngineActor<SyncTestTopic>>,
    _running: AbortOnDropHandle<()>,
}

impl Actor {
    pub async fn start(bootstrap: bool) -> Self {
        let node = Node::start().await;
        let (inbox, inbox_rx) = mpsc::channel(64);
        let (engine_tx, engine) = mpsc::channel(64);
        let mut actor = GossipActor::new(bootstrap, inbox_rx, node.gossip.clone(), engine_tx);
        let running = tokio::spawn(async move {
            actor.run().await.ok();
        });
        Self {
            node,
            inbox,
            engine,
            _running: AbortOnDropHandle::new(running),
        }
    }

    pub async fn send(&self, message: ToGossipActor) {
        self.inbox.send(message).await.unwrap();
    }

    pub async fn join(&self, peers: &[PublicKey]) {
        let (topic_id, peers) = (TOPIC, peers.to_vec());
        self.send(ToGossipActor::Join { topic_id, peers }).await;
    }

    /// Learns where to reach a node.
    pub async fn knows(&self, node: &Node) {
        let address = node.endpoint.node_addr().await.unwrap();
        self.node.endpoint.add_node_addr(address).unwrap();
    }

    /// Waits for a join and returns its peers: `None` when there was none in time.
    pub async fn joined(&mut self) -> Option<Vec<PublicKey>> {
        let joined = async {
            while let Some(message) = self.engine.recv().await {
                if let ToEngineActor::GossipJoined { peers, .. } = message {
                    return Some(peers);
                }
            }
            None
        };
        timeout(PATIENCE, joined).await.ok().flatten()
    }
}

/// A node that gossips, on loopback alone.
pub(super) struct Node {
    endpoint: Endpoint,
    gossip: Gossip,
    _accepting: AbortOnDropHandle<()>,
}

impl Node {
    pub async fn start() -> Self {
        let endpoint = Endpoint::builder()
            .relay_mode(RelayMode::Disabled)
            .alpns(vec![GOSSIP_ALPN.to_vec()])
            .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
            .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
            .bind()
            .await
            .unwrap();
        let gossip = Gossip::builder().spawn(endpoint.clone()).await.unwrap();
        let accepting = tokio::spawn(accept(endpoint.clone(), gossip.clone()));
        Self {
            endpoint,
            gossip,
            _accepting: AbortOnDropHandle::new(accepting),
        }
    }

    fn id(&self) -> NodeId {
        self.endpoint.node_id()
    }

    pub fn public_key(&self) -> PublicKey {
        to_public_key(self.id())
    }

    pub async fn subscribe(&self, through: &Node) -> (GossipSender, GossipReceiver) {
        let address = through.endpoint.node_addr().await.unwrap();
        self.endpoint.add_node_addr(address).unwrap();
        let subscribed = self.gossip.subscribe(TOPIC.into(), vec![through.id()]);
        subscribed.unwrap().split()
    }

    async fn subscribe_alone(&self) -> (GossipSender, GossipReceiver) {
        let subscribed = self.gossip.subscribe(TOPIC.into(), vec![]);
        subscribed.unwrap().split()
    }
}

async fn accept(endpoint: Endpoint, gossip: Gossip) {
    while let Some(incoming) = endpoint.accept().await {
        if let Ok(connection) = incoming.await {
            gossip.handle_connection(connection).await.ok();
        }
    }
}

async fn neighbour_down(events: &mut GossipReceiver) -> Option<NodeId> {
    while let Some(Ok(event)) = events.next().await {
        if let Event::Gossip(GossipEvent::NeighborDown(peer)) = event {
            return Some(peer);
        }
    }
    None
}
