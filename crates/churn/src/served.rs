//! Whether a node still serves an honest peer, for scenarios that ask what it survives rather than what it keeps.

use anyhow::Result;
use iroh::NodeAddr;
use p2panda_net::NetworkBuilder;

use crate::node::{self, Node, Subscription, Topic};
use crate::owed::serves;
use crate::run::Run;

/// A node that something is done to, and an honest peer that talks with it on a topic.
pub struct Served {
    pub node: Node,
    pub address: NodeAddr,
    pub topic: Topic,
    pub peer: Node,
    here: Subscription,
    there: Subscription,
}

impl Served {
    /// Starts both, has them join the topic, and lets the run watch the node.
    ///
    /// # Errors
    ///
    /// When one of them cannot bind its sockets.
    pub async fn start(run: &mut Run) -> Result<Self> {
        let node = node::loopback(run.key());
        Self::start_as(run, node).await
    }

    /// The same with a node of the scenario's own making.
    ///
    /// # Errors
    ///
    /// When one of them cannot bind its sockets.
    pub async fn start_as(run: &mut Run, node: NetworkBuilder<Topic>) -> Result<Self> {
        let peer = node::loopback(run.key());
        Self::start_between(run, node, peer).await
    }

    /// The same with a peer of the scenario's own making, too.
    ///
    /// # Errors
    ///
    /// When one of them cannot bind its sockets.
    pub async fn start_between(
        run: &mut Run,
        node: NetworkBuilder<Topic>,
        peer: NetworkBuilder<Topic>,
    ) -> Result<Self> {
        let topic = Topic(run.random());
        let (node, peer) = node::pair(node, peer).await?;
        let (here, there) = node::join(&node, &peer, topic).await?;
        let address = node.endpoint().node_addr().await?;
        run.watch(&node);
        Ok(Self {
            node,
            address,
            topic,
            peer,
            here,
            there,
        })
    }

    /// Checks that each of the two hears what the other says.
    ///
    /// # Errors
    ///
    /// [`Dead`] where they do not.
    pub async fn talk<const LEN: usize>(&mut self, run: &mut Run) -> Result<()> {
        let (question, answer) = (run.random::<LEN>(), run.random::<LEN>());
        serves(async {
            self.there.say(&question).await?;
            self.here.hear(&question).await?;
            self.here.say(&answer).await?;
            self.there.hear(&answer).await
        })
        .await
    }

    /// Has the peer say something.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn peer_says(&self, words: &[u8]) -> Result<()> {
        self.there.say(words).await
    }

    /// Waits until the node has heard just that.
    ///
    /// # Errors
    ///
    /// When it has stopped.
    pub async fn hears(&mut self, words: &[u8]) -> Result<()> {
        self.here.hear(words).await
    }

    /// Whether anything has come to the node since it listened last.
    pub fn has_heard(&mut self) -> bool {
        self.here.ignore() > 0
    }

    /// Shuts both down.
    ///
    /// # Errors
    ///
    /// When one of them has stopped.
    pub async fn end(self) -> Result<()> {
        self.peer.shutdown().await?;
        self.node.shutdown().await
    }
}
