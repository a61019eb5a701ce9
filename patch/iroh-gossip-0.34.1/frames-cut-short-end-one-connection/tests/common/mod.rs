//! What the tests over real connections share: nodes on loopback, and endpoints that speak for themselves.
#![allow(dead_code)]

use std::{
    future::Future,
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6},
    time::Duration,
};

use bytes::Bytes;
use iroh::{endpoint::Connection, protocol::Router, Endpoint, NodeAddr, NodeId, RelayMode};
use iroh_gossip::{
    net::{
        Builder, Event, Gossip, GossipEvent, GossipReceiver, GossipSender, GossipTopic, GOSSIP_ALPN,
    },
    proto::TopicId,
};
use n0_future::StreamExt;

pub const TOPIC: TopicId = TopicId::from_bytes([7; 32]);

/// A node that accepts gossip connections.
pub struct Node {
    pub gossip: Gossip,
    router: Router,
}

impl Node {
    pub async fn spawn() -> Self {
        Self::spawn_with(Gossip::builder()).await
    }

    pub async fn spawn_with(builder: Builder) -> Self {
        let endpoint = endpoint().await;
        let gossip = builder.spawn(endpoint.clone()).await.unwrap();
        let router = Router::builder(endpoint)
            .accept(GOSSIP_ALPN, gossip.clone())
            .spawn()
            .await
            .unwrap();
        Self { gossip, router }
    }

    pub fn endpoint(&self) -> &Endpoint {
        self.router.endpoint()
    }

    pub fn id(&self) -> NodeId {
        self.endpoint().node_id()
    }

    pub async fn addr(&self) -> NodeAddr {
        self.endpoint().node_addr().await.unwrap()
    }

    /// Subscribes to [`TOPIC`], and waits for the first neighbour unless nobody is to be joined.
    pub async fn join(&self, nodes: &[&Node]) -> Subscription {
        let mut topic = self.subscribe(nodes).await;
        if !nodes.is_empty() {
            in_time(topic.joined()).await.unwrap();
        }
        let (tx, rx) = topic.split();
        Subscription { tx, rx }
    }

    async fn subscribe(&self, nodes: &[&Node]) -> GossipTopic {
        for node in nodes {
            self.endpoint().add_node_addr(node.addr().await).unwrap();
        }
        let nodes = nodes.iter().map(|node| node.id()).collect();
        self.gossip.subscribe(TOPIC, nodes).unwrap()
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
        self.wait_for(|event| match event {
            GossipEvent::Received(message) => {
                content = Some(message.content.clone());
                true
            }
            _ => false,
        })
        .await;
        content.unwrap()
    }

    /// Waits for an event that satisfies `found`, and passes over the others.
    pub async fn wait_for(&mut self, mut found: impl FnMut(&GossipEvent) -> bool) {
        in_time(async {
            loop {
                match self.rx.next().await {
                    Some(Ok(Event::Gossip(event))) if found(&event) => break,
                    Some(Ok(_)) => continue,
                    other => panic!("the subscription ended: {other:?}"),
                }
            }
        })
        .await
    }
}

/// An endpoint on loopback, with ports that the system chooses.
pub async fn endpoint() -> Endpoint {
    Endpoint::builder()
        .alpns(vec![GOSSIP_ALPN.to_vec()])
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap()
}

/// Connects to a node as a stranger would.
pub async fn connect(endpoint: &Endpoint, node: &Node) -> Connection {
    in_time(endpoint.connect(node.addr().await, GOSSIP_ALPN))
        .await
        .unwrap()
}

/// What is waited for has failed after twenty seconds.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it takes longer than twenty seconds")
}
