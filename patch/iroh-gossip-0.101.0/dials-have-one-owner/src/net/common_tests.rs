//! What the tests over real connections share: nodes on loopback, and peers that speak for themselves.
#![allow(dead_code)]

use std::{future::Future, time::Duration};

use bytes::{Bytes, BytesMut};
use iroh::{
    address_lookup::memory::MemoryLookup,
    endpoint::{presets, Connection, Incoming, RecvStream, SendStream},
    protocol::Router,
    Endpoint, EndpointId, PublicKey, RelayMode,
};
use n0_future::{time::Instant, StreamExt};
use rand::{rngs::StdRng, SeedableRng};

use super::{
    util::{read_frame, write_frame, StreamHeader},
    Builder, Gossip, GOSSIP_ALPN,
};
use crate::{
    api::{Event, GossipReceiver, GossipSender},
    proto::{topic, Command, Config, InEvent, OutEvent, PeerData, State, TopicId},
};

pub const TOPIC: TopicId = TopicId::from_bytes([7; 32]);

const MAX_MESSAGE_SIZE: usize = 4096;

/// A node that accepts gossip connections.
pub struct Node {
    pub gossip: Gossip,
    router: Router,
    known: MemoryLookup,
}

impl Node {
    pub async fn spawn() -> Self {
        Self::spawn_with(Gossip::builder()).await
    }

    pub async fn spawn_with(builder: Builder) -> Self {
        let (endpoint, known) = endpoint().await;
        let gossip = builder.spawn(endpoint.clone());
        let router = Router::builder(endpoint)
            .accept(GOSSIP_ALPN, gossip.clone())
            .spawn();
        Self {
            gossip,
            router,
            known,
        }
    }

    pub fn endpoint(&self) -> &Endpoint {
        self.router.endpoint()
    }

    pub fn id(&self) -> EndpointId {
        self.endpoint().id()
    }

    /// Connections that this node has, opened by whomever.
    pub fn open_connections(&self) -> u64 {
        let metrics = &self.endpoint().metrics().socket;
        metrics.num_conns_opened.get() - metrics.num_conns_closed.get()
    }

    /// Tells this node where another endpoint is.
    pub fn knows(&self, endpoint: &Endpoint) {
        self.known.add_endpoint_info(endpoint.addr());
    }

    /// Subscribes to [`TOPIC`], and waits for the first neighbor unless nobody is to be joined.
    pub async fn join(&self, nodes: &[&Node]) -> Subscription {
        for node in nodes {
            self.knows(node.endpoint());
        }
        let peers: Vec<_> = nodes.iter().map(|node| node.id()).collect();
        let alone = peers.is_empty();
        let mut topic = self.subscribe(peers).await;
        if !alone {
            in_time(topic.rx.joined()).await.unwrap();
        }
        topic
    }

    /// Subscribes to [`TOPIC`] without waiting for a neighbor.
    pub async fn subscribe(&self, peers: Vec<EndpointId>) -> Subscription {
        let topic = self.gossip.subscribe(TOPIC, peers).await.unwrap();
        let (tx, rx) = topic.split();
        Subscription { tx, rx }
    }
}

/// Both halves of a subscription.
pub struct Subscription {
    pub tx: GossipSender,
    pub rx: GossipReceiver,
}

impl Subscription {
    pub async fn broadcast(&self, content: impl Into<Bytes>) {
        in_time(self.tx.broadcast(content.into())).await.unwrap();
    }

    /// The content of the next message, whatever else happens before.
    pub async fn received(&mut self) -> Bytes {
        let mut content = None;
        self.wait_for(|event| {
            if let Event::Received(message) = event {
                content = Some(message.content.clone());
            }
            content.is_some()
        })
        .await;
        content.unwrap()
    }

    pub async fn neighbor_up(&mut self, peer: EndpointId) {
        self.wait_for(|event| *event == Event::NeighborUp(peer))
            .await
    }

    pub async fn neighbor_down(&mut self, peer: EndpointId) {
        self.wait_for(|event| *event == Event::NeighborDown(peer))
            .await
    }

    /// Waits for an event that satisfies `found`, and passes over the others.
    pub async fn wait_for(&mut self, mut found: impl FnMut(&Event) -> bool) {
        in_time(async {
            loop {
                match self.rx.next().await {
                    Some(Ok(event)) if found(&event) => break,
                    Some(Ok(_)) => continue,
                    other => panic!("the subscription ended: {other:?}"),
                }
            }
        })
        .await
    }
}

/// A peer that does what the test wants.
pub struct Peer {
    pub endpoint: Endpoint,
    known: MemoryLookup,
}

impl Peer {
    pub async fn bind() -> Self {
        let (endpoint, known) = endpoint().await;
        Self { endpoint, known }
    }

    /// A peer that listens where the node knows it.
    pub async fn known_to(node: &Node) -> Self {
        let peer = Self::bind().await;
        node.knows(&peer.endpoint);
        peer
    }

    pub fn id(&self) -> EndpointId {
        self.endpoint.id()
    }

    pub async fn connect(&self, node: &Node) -> Link {
        self.connect_to(node.endpoint()).await
    }

    pub async fn connect_to(&self, endpoint: &Endpoint) -> Link {
        self.known.add_endpoint_info(endpoint.addr());
        let conn = in_time(self.endpoint.connect(endpoint.id(), GOSSIP_ALPN)).await;
        Link::new(conn.unwrap())
    }

    /// Connects, and asks the node to be its neighbor in [`TOPIC`], which the node does not refuse.
    pub async fn join(&self, node: &Node) -> Link {
        let mut link = self.connect(node).await;
        link.join(self, node).await;
        link
    }

    /// Waits until it is dialed, and lets the dialer wait.
    pub async fn dialed(&self) -> Incoming {
        in_time(self.endpoint.accept()).await.unwrap()
    }
}

/// A connection between a peer and a node.
pub struct Link {
    pub conn: Connection,
    send: Option<SendStream>,
    recv: Option<RecvStream>,
    buffer: BytesMut,
}

impl Link {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            send: None,
            recv: None,
            buffer: BytesMut::new(),
        }
    }

    /// Answers a node that dialed.
    pub async fn accept(incoming: Incoming) -> Self {
        Self::new(in_time(incoming.accept().unwrap()).await.unwrap())
    }

    pub async fn join(&mut self, peer: &Peer, node: &Node) {
        self.command(peer, Command::Join(vec![node.id()])).await;
    }

    /// Sends what the protocol sends to the first peer upon a command.
    async fn command(&mut self, peer: &Peer, command: Command<PublicKey>) {
        let mut state = State::new(
            peer.id(),
            PeerData::default(),
            Config::default(),
            StdRng::seed_from_u64(0),
        );
        let event = InEvent::Command(TOPIC, command);
        let events: Vec<_> = state.handle(event, Instant::now(), None).collect();
        for event in events {
            if let OutEvent::SendMessage(_, message) = event {
                let mut buffer = Vec::new();
                let send = self.sending().await;
                write_frame(send, &message.message, &mut buffer, MAX_MESSAGE_SIZE)
                    .await
                    .unwrap();
            }
        }
    }

    /// The stream on which frames of [`TOPIC`] go to the node.
    pub async fn sending(&mut self) -> &mut SendStream {
        if self.send.is_none() {
            let mut send = self.conn.open_uni().await.unwrap();
            let header = StreamHeader { topic_id: TOPIC };
            header
                .write(&mut send, &mut Vec::new(), MAX_MESSAGE_SIZE)
                .await
                .unwrap();
            self.send = Some(send);
        }
        self.send.as_mut().expect("opened above")
    }

    /// The next message of the node, or `None` once it has nothing more to say.
    pub async fn received(&mut self) -> Option<topic::Message<PublicKey>> {
        in_time(async {
            if self.recv.is_none() {
                let mut recv = self.conn.accept_uni().await.ok()?;
                StreamHeader::read(&mut recv, &mut self.buffer, MAX_MESSAGE_SIZE)
                    .await
                    .ok()?;
                self.recv = Some(recv);
            }
            let recv = self.recv.as_mut().expect("opened above");
            read_frame(recv, &mut self.buffer, MAX_MESSAGE_SIZE)
                .await
                .ok()?
        })
        .await
    }

    /// Takes no more of what the node sends.
    pub async fn stop_receiving(&mut self) {
        self.received().await;
        let recv = self.recv.as_mut().expect("something was received");
        recv.stop(0u32.into()).unwrap();
    }

    pub async fn closed(&self) {
        in_time(self.conn.closed()).await;
    }
}

/// An endpoint on loopback, with a port that the system chooses, and the addresses that it knows.
async fn endpoint() -> (Endpoint, MemoryLookup) {
    let endpoint = Endpoint::builder(presets::Minimal)
        .alpns(vec![GOSSIP_ALPN.to_vec()])
        .relay_mode(RelayMode::Disabled)
        .clear_ip_transports()
        .bind_addr("127.0.0.1:0")
        .unwrap()
        .bind()
        .await
        .unwrap();
    let known = MemoryLookup::new();
    endpoint.address_lookup().unwrap().add(known.clone());
    (endpoint, known)
}

/// What is waited for has failed after thirty seconds.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("it takes longer than thirty seconds")
}
