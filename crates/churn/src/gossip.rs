//! Peers that speak iroh-gossip alone, for scenarios below p2panda-net.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use iroh::endpoint::{Connection, RecvStream, SendStream};
use iroh::protocol::Router;
use iroh::{Endpoint, NodeAddr, NodeId};
use iroh_gossip::net::util::write_message;
use iroh_gossip::net::{Event, GOSSIP_ALPN, Gossip, GossipEvent, GossipReceiver, GossipSender};
use iroh_gossip::proto::{Command, Config, InEvent, OutEvent, PeerData, State, TopicId};
use p2panda_core::PrivateKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use tokio_util::bytes::BytesMut;

use crate::node;

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
    _recv: RecvStream,
}

impl Link {
    /// Connects to a node and asks it to be a neighbour.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    pub async fn open(endpoint: &Endpoint, to: NodeAddr, topic: TopicId) -> Result<Self> {
        let node = to.node_id;
        let connection = endpoint.connect(to, GOSSIP_ALPN).await?;
        let (mut send, recv) = connection.open_bi().await?;
        let rng = StdRng::seed_from_u64(0);
        let own = PeerData::default();
        let mut state = State::new(endpoint.node_id(), own, Config::default(), rng);
        let join = InEvent::Command(topic, Command::Join(vec![node]));
        let mut sent = state.handle(join, Instant::now());
        let join = sent.find_map(|event| match event {
            OutEvent::SendMessage(_, message) => Some(message),
            _ => None,
        });
        let join = join.context("nothing is sent to join")?;
        write_message(&mut send, &mut BytesMut::new(), &join, 4096).await?;
        Ok(Self {
            connection,
            _send: send,
            _recv: recv,
        })
    }

    pub fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }
}
