//! Both ends of a gossip topic, as a scenario holds them: what a node is told there, and a peer that only asks to be a neighbour.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use iroh::endpoint::{Connection, SendStream};
use iroh::{Endpoint, EndpointAddr, EndpointId};
use iroh_gossip::ALPN;
use iroh_gossip::api::{Event, GossipReceiver, GossipSender, GossipTopic};
use iroh_gossip::proto::TopicId;

/// A topic that a node is in, until this is dropped.
pub struct Overlay {
    sender: GossipSender,
    receiver: GossipReceiver,
}

impl From<GossipTopic> for Overlay {
    fn from(topic: GossipTopic) -> Self {
        let (sender, receiver) = topic.split();
        Self { sender, receiver }
    }
}

impl Overlay {
    /// Says something to its neighbours. That is passed on to nobody, and no node remembers it.
    ///
    /// # Errors
    ///
    /// When the node has stopped.
    pub async fn say(&self, words: &[u8]) -> Result<()> {
        Ok(self
            .sender
            .broadcast_neighbors(words.to_vec().into())
            .await?)
    }

    /// Waits until somebody has said just that.
    ///
    /// # Errors
    ///
    /// When the node has stopped.
    pub async fn hear(&mut self, words: &[u8]) -> Result<()> {
        self.until(|event| matches!(event, Event::Received(said) if said.content == words))
            .await
    }

    /// Waits until a peer becomes a neighbour.
    ///
    /// # Errors
    ///
    /// When the node has stopped.
    pub async fn gained(&mut self, peer: EndpointId) -> Result<()> {
        self.until(|event| *event == Event::NeighborUp(peer)).await
    }

    /// Waits until a peer is a neighbour no more.
    ///
    /// # Errors
    ///
    /// When the node has stopped.
    pub async fn lost(&mut self, peer: EndpointId) -> Result<()> {
        self.until(|event| *event == Event::NeighborDown(peer))
            .await
    }

    async fn until(&mut self, happened: impl Fn(&Event) -> bool) -> Result<()> {
        loop {
            let event = self.receiver.next().await;
            if happened(&event.context("the subscription has ended")??) {
                return Ok(());
            }
        }
    }
}

/// A connection on which a peer asks to be a neighbour, and says nothing more.
pub struct Link {
    connection: Connection,
    _send: SendStream,
}

impl Link {
    /// Connects to a node and asks it.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    pub async fn open(endpoint: &Endpoint, to: EndpointAddr, topic: TopicId) -> Result<Self> {
        let connection = endpoint.connect(to, ALPN).await?;
        Self::join(connection, topic).await
    }

    /// Waits for a node to connect, and asks it.
    ///
    /// # Errors
    ///
    /// When the endpoint has closed, or the node has gone.
    pub async fn accept(endpoint: &Endpoint, topic: TopicId) -> Result<Self> {
        let incoming = endpoint.accept().await.context("the endpoint has closed")?;
        Self::join(incoming.await?, topic).await
    }

    async fn join(connection: Connection, topic: TopicId) -> Result<Self> {
        let mut send = connection.open_uni().await?;
        // Frames have their length before them: which topic this stream is about, and the first message of the membership
        // layer, to join, without data.
        for frame in [topic.as_bytes(), &[0, 0, 0][..]] {
            send.write_all(&(frame.len() as u32).to_be_bytes()).await?;
            send.write_all(frame).await?;
        }
        Ok(Self {
            connection,
            _send: send,
        })
    }

    /// Takes no more of what the node has to say on the topic, and holds the connection.
    ///
    /// # Errors
    ///
    /// When the node has gone.
    pub async fn stop_listening(&self) -> Result<()> {
        let mut stream = self.connection.accept_uni().await?;
        Ok(stream.stop(0u32.into())?)
    }

    /// Waits until the node has closed the connection. Cancel safe.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Closes it.
    pub fn close(self) {
        self.connection.close(0u32.into(), b"");
    }
}
