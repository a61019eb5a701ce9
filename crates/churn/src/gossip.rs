//! Peers that speak iroh-gossip alone, for scenarios below p2panda-net.

use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use futures_util::StreamExt;
use iroh::endpoint::{Connection, RecvStream, SendStream};
use iroh::protocol::Router;
use iroh::{Endpoint, NodeAddr, NodeId, SecretKey};
use iroh_gossip::net::util::write_message;
use iroh_gossip::net::{Event, GOSSIP_ALPN, Gossip, GossipEvent, GossipReceiver, GossipSender};
use iroh_gossip::proto::{Command, Config, InEvent, Message, OutEvent, PeerData, State, TopicId};
use p2panda_core::PrivateKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, timeout};
use tokio_util::bytes::BytesMut;

use crate::node;

/// The most that a frame holds by default.
const FRAME_BYTES: usize = 4096;

/// A node with gossip and nothing else.
pub struct Gossiper {
    gossip: Gossip,
    router: Router,
}

impl Gossiper {
    /// Binds its socket and accepts connections from now on.
    ///
    /// # Errors
    ///
    /// When the socket cannot be bound.
    pub async fn spawn(key: &PrivateKey) -> Result<Self> {
        let endpoint = node::endpoint(key).await?;
        let gossip = Gossip::builder().spawn(endpoint.clone()).await?;
        let router = Router::builder(endpoint).accept(GOSSIP_ALPN, gossip.clone());
        Ok(Self {
            router: router.spawn().await?,
            gossip,
        })
    }

    pub fn id(&self) -> NodeId {
        self.router.endpoint().node_id()
    }

    /// Where to reach it.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn address(&self) -> Result<NodeAddr> {
        self.router.endpoint().node_addr().await
    }

    /// Says where a peer is.
    ///
    /// # Errors
    ///
    /// When that is itself.
    pub fn meet(&self, peer: NodeAddr) -> Result<()> {
        self.router.endpoint().add_node_addr(peer)
    }

    /// Subscribes to a topic, with peers to join it through, and waits for nobody.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub fn subscribe(&self, topic: TopicId, peers: Vec<NodeId>) -> Result<Overlay> {
        let (sender, receiver) = self.gossip.subscribe(topic, peers)?.split();
        Ok(Overlay { sender, receiver })
    }

    /// Closes its connections and stops. On no topic it says that it leaves.
    ///
    /// # Errors
    ///
    /// When a part of it panicked.
    pub async fn shutdown(self) -> Result<()> {
        self.router.shutdown().await
    }
}

/// Both halves of a subscription.
pub struct Overlay {
    sender: GossipSender,
    receiver: GossipReceiver,
}

impl Overlay {
    /// Waits for the first neighbour.
    ///
    /// # Errors
    ///
    /// When the subscription has ended.
    pub async fn joined(&mut self) -> Result<()> {
        Ok(self.receiver.joined().await?)
    }

    /// Tries to join through these peers as well, and waits for none.
    ///
    /// # Errors
    ///
    /// When the subscription has ended.
    pub async fn join(&self, peers: Vec<NodeId>) -> Result<()> {
        Ok(self.sender.join_peers(peers).await?)
    }

    /// Says something to all on the topic.
    ///
    /// # Errors
    ///
    /// When the subscription has ended.
    pub async fn say(&self, words: &[u8]) -> Result<()> {
        Ok(self.sender.broadcast(words.to_vec().into()).await?)
    }

    /// Waits until somebody has said just that.
    ///
    /// # Errors
    ///
    /// When the subscription has ended.
    pub async fn hear(&mut self, words: &[u8]) -> Result<()> {
        let said = |event: &GossipEvent| matches!(event, GossipEvent::Received(message) if message.content == words);
        self.until(said).await
    }

    /// Waits until a peer is a neighbour no more.
    ///
    /// # Errors
    ///
    /// When the subscription has ended.
    pub async fn lost(&mut self, peer: NodeId) -> Result<()> {
        self.until(|event| *event == GossipEvent::NeighborDown(peer))
            .await
    }

    async fn until(&mut self, happened: impl Fn(&GossipEvent) -> bool) -> Result<()> {
        while let Some(event) = self.receiver.next().await {
            if let Event::Gossip(event) = event?
                && happened(&event)
            {
                return Ok(());
            }
        }
        bail!("the subscription has ended")
    }
}

/// A connection on which a peer that is no [`Gossiper`] joins a topic.
pub struct Link {
    connection: Connection,
    _send: SendStream,
    recv: RecvStream,
}

impl Link {
    /// Connects to a node and asks it to be a neighbour.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    pub async fn open(endpoint: &Endpoint, to: NodeAddr, topic: TopicId) -> Result<Self> {
        let connection = endpoint.connect(to, GOSSIP_ALPN).await?;
        let streams = connection.open_bi().await?;
        Self::join(endpoint.node_id(), connection, streams, topic).await
    }

    /// Waits until a node connects and asks to be a neighbour, and asks it as well.
    ///
    /// # Errors
    ///
    /// When the endpoint has stopped, or who connects says nothing.
    pub async fn accept(endpoint: &Endpoint, topic: TopicId) -> Result<Self> {
        let incoming = endpoint.accept().await;
        let connection = incoming.context("the endpoint has stopped")?.await?;
        let streams = connection.accept_bi().await?;
        Self::join(endpoint.node_id(), connection, streams, topic).await
    }

    async fn join(
        from: NodeId,
        connection: Connection,
        (mut send, recv): (SendStream, RecvStream),
        topic: TopicId,
    ) -> Result<Self> {
        let join = join(from, connection.remote_node_id()?, topic)?;
        write_message(&mut send, &mut BytesMut::new(), &join, FRAME_BYTES).await?;
        Ok(Self {
            connection,
            _send: send,
            recv,
        })
    }

    /// Has the node write no more, and holds the connection.
    ///
    /// # Errors
    ///
    /// When the stream has ended.
    pub fn stop_listening(&mut self) -> Result<()> {
        Ok(self.recv.stop(0_u32.into())?)
    }

    /// Waits until somebody closes the connection. Cancel safe.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    pub fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }
}

/// Sends a node a frame that introduces it to itself, on a connection of its own, and leaves it time to read that.
///
/// # Errors
///
/// When it cannot be reached.
pub async fn introduce_to_itself(from: &Endpoint, to: NodeAddr, topic: TopicId) -> Result<()> {
    const A_WHILE: Duration = Duration::from_secs(5);
    let (stranger, node) = (from.node_id(), to.node_id);
    // A neighbour tells the others of one that joins. Here the node is who joins, and who is told.
    let other = SecretKey::from_bytes(&[3; 32]).public();
    let mut state = state(stranger);
    let alone = InEvent::Command(topic, Command::Join(Vec::new()));
    state.handle(alone, Instant::now()).for_each(drop);
    let joined = |peer| Ok::<_, Error>(InEvent::RecvMessage(peer, join(peer, stranger, topic)?));
    state.handle(joined(other)?, Instant::now()).for_each(drop);
    let introduction = state.handle(joined(node)?, Instant::now());
    let introduction = to_peer(introduction, other).context("nobody is introduced")?;

    let connection = from.connect(to, GOSSIP_ALPN).await?;
    let (mut send, _recv) = connection.open_bi().await?;
    write_message(&mut send, &mut BytesMut::new(), &introduction, FRAME_BYTES).await?;
    let _ = timeout(A_WHILE, connection.closed()).await;
    connection.close(0_u32.into(), b"");
    Ok(())
}

/// What a peer sends first to one that it wants as a neighbour.
fn join(peer: NodeId, to: NodeId, topic: TopicId) -> Result<Message<NodeId>> {
    let join = InEvent::Command(topic, Command::Join(vec![to]));
    to_peer(state(peer).handle(join, Instant::now()), to).context("nothing is sent to join")
}

/// The first message to this peer.
fn to_peer(
    mut events: impl Iterator<Item = OutEvent<NodeId>>,
    peer: NodeId,
) -> Option<Message<NodeId>> {
    events.find_map(|event| match event {
        OutEvent::SendMessage(to, message) if to == peer => Some(message),
        _ => None,
    })
}

/// The protocol of a peer without a network.
fn state(peer: NodeId) -> State<NodeId, StdRng> {
    let rng = StdRng::seed_from_u64(0);
    State::new(peer, PeerData::default(), Config::default(), rng)
}
