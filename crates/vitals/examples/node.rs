//! A whole node, to start one's own from: limits on everything, a subscription with a guard, sync over a store with
//! limits, a watch over it all, and an end in order.
//!
//!     cargo run -p vitals --example node                two of them talk until Ctrl-C
//!     cargo run -p vitals --example node -- 30 9464     for 30 seconds, the first served on port 9464
//!     cargo run -p vitals --example node -- 30 0 128    any port; both keep less when they come near 128 MiB

use std::collections::HashMap;
use std::env;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use p2panda_core::{Body, Hash, Header, PrivateKey, PublicKey};
use p2panda_net::{
    FromNetwork, GossipLimits, Limits, Network, NetworkBuilder, NodeAddress, Subscription,
    SyncConfiguration, ToNetwork, TopicId,
};
use p2panda_store::{MemoryStore, MemoryStoreLimits, OperationStore};
use p2panda_sync::TopicQuery;
use p2panda_sync::log_sync::{LogSyncProtocol, TopicLogMap};
use serde::{Deserialize, Serialize};
use vitals::{Guard, Vitals};

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let mut words = env::args().skip(1);
    let seconds = words.next().map(|word| word.parse::<u64>()).transpose();
    let seconds = seconds.context("how long? a number of seconds, such as 30")?;
    let port = words.next().map(|word| word.parse::<u16>()).transpose();
    let port = port.context("served on which port? a number up to 65535, or 0 for any")?;

    let mib = words.next().map(|word| word.parse::<u64>()).transpose();
    let mib = mib.context("how much memory? a number of MiB, such as 128")?;
    let memory_max = mib.unwrap_or(256).saturating_mul(1024 * 1024);

    let mut panda = Node::start("panda", port.unwrap_or(0), memory_max).await?;
    let mut turtle = Node::start("turtle", 0, memory_max).await?;
    panda
        .network
        .add_peer(address(&turtle.network).await?)
        .await?;
    turtle
        .network
        .add_peer(address(&panda.network).await?)
        .await?;

    let end = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => tokio::signal::ctrl_c().await.unwrap_or_default(),
        }
    };
    let ended = tokio::select! {
        () = end => Ok(()),
        ended = panda.live() => ended,
        ended = turtle.live() => ended,
    };
    panda.stop().await?;
    turtle.stop().await?;
    ended
}

/// What this application talks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Chat;

impl TopicQuery for Chat {}

impl TopicId for Chat {
    fn id(&self) -> [u8; 32] {
        *b"the topic of an evergreen panda!"
    }
}

struct Node {
    name: &'static str,
    key: PrivateKey,
    network: Network<Chat>,
    store: MemoryStore<u64>,
    subscription: Subscription,
    /// Says that the subscription is open; see `Tracker::older_than` for what such a guard is good for.
    open: Guard,
    vitals: Vitals,
    latest: Option<Hash>,
    said: u64,
}

impl Node {
    async fn start(name: &'static str, port: u16, memory_max: u64) -> Result<Self> {
        let key = PrivateKey::new();

        // Without limits a memory store keeps everything. With them the oldest entries of a log make room, never its
        // tip: suits what others keep as well.
        let mut store_limits = MemoryStoreLimits::default();
        store_limits.max_operations = Some(10_000);
        store_limits.max_bytes = Some(16 * 1024 * 1024);
        let store = MemoryStore::with_limits(store_limits);

        // All have defaults; these are the ones that applications most often need otherwise.
        // What gossip keeps for those who missed it is the largest part, and there once for each topic.
        let mut gossip = GossipLimits::default();
        gossip.payload_bytes_per_topic = 4 * 1024 * 1024;
        let limits = Limits::default()
            .max_peers(2_000)
            .max_connections(512)
            .backlog_bytes(1024 * 1024)
            .gossip(gossip);

        // On loopback and nowhere else. An own application leaves these lines out, and names a relay or local discovery.
        let network = NetworkBuilder::new(*b"the network of evergreen pandas!")
            .private_key(key.clone())
            .bind_ip_v4(Ipv4Addr::LOCALHOST)
            .bind_port_v4(0)
            .bind_ip_v6(Ipv6Addr::LOCALHOST)
            .bind_port_v6(0)
            .limits(limits)
            .sync(SyncConfiguration::new(LogSyncProtocol::new(
                OwnLog(key.public_key()),
                store.clone(),
            )))
            .build()
            .await?;

        let vitals = Vitals::builder()
            .network(&network)
            .memory_store(&store)
            // Near it the node keeps less. Where the system allows less, that counts.
            .memory_max(memory_max)
            .serve(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .start()
            .await?;
        if let Some(address) = vitals.address() {
            println!(
                "{name}: http://{address}/ for people, http://{address}/metrics for Prometheus"
            );
        }

        let address = address(&network).await?;
        let (key_hex, sockets) = (address.public_key.to_hex(), address.direct_addresses);
        println!("{name}: {key_hex} at {sockets:?}");

        let subscription = network.subscribe_guarded(Chat).await?;
        let open = vitals.tracker().track("subscription", "chat");
        Ok(Self {
            name,
            key,
            network,
            store,
            subscription,
            open,
            vitals,
            latest: None,
            said: 0,
        })
    }

    /// Talks and listens. Ends only when the network does.
    async fn live(&mut self) -> Result<()> {
        let mut talk = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = talk.tick() => self.talk().await?,
                arrived = self.subscription.rx.recv() => {
                    self.hear(arrived.context("the subscription has ended")?).await?;
                }
            }
        }
    }

    async fn talk(&mut self) -> Result<()> {
        let text = format!("{} says {}", self.name, self.said);
        self.append(&text).await?;
        let message = ToNetwork::Message {
            bytes: text.into_bytes(),
        };
        // Before the overlay is joined there is nobody to hear it.
        self.subscription.tx.send(message).await?;
        Ok(())
    }

    async fn hear(&self, arrived: FromNetwork) -> Result<()> {
        match arrived {
            FromNetwork::GossipMessage { bytes, .. } => {
                println!("{} heard: {}", self.name, String::from_utf8_lossy(&bytes));
            }
            FromNetwork::SyncMessage {
                header, payload, ..
            } => {
                // From anybody: what cannot be read is no reason to end.
                let Ok(decoded) = Header::<()>::try_from(&*header) else {
                    return Ok(());
                };
                let body = payload.map(|bytes| Body::new(&bytes));
                let mut store = self.store.clone();
                store
                    .insert_operation(decoded.hash(), &decoded, body.as_ref(), &header, &LOG)
                    .await?;
            }
        }
        Ok(())
    }

    /// Appends to the own log, from which others get by sync what they did not hear.
    async fn append(&mut self, text: &str) -> Result<()> {
        let body = Body::new(text.as_bytes());
        let mut header = Header {
            version: 1,
            seq_num: self.said,
            timestamp: 0,
            public_key: self.key.public_key(),
            payload_hash: Some(body.hash()),
            payload_size: body.size(),
            backlink: self.latest,
            signature: None,
            previous: Vec::new(),
            extensions: None,
        };
        header.sign(&self.key);
        let hash = header.hash();
        self.store
            .insert_operation(hash, &header, Some(&body), &header.to_bytes(), &LOG)
            .await?;
        self.said += 1;
        self.latest = Some(hash);
        Ok(())
    }

    /// In this order: what is open, the node, and last who watches it.
    async fn stop(self) -> Result<()> {
        drop(self.subscription);
        drop(self.open);
        self.network.shutdown().await?;
        self.vitals.shutdown().await;
        println!("{} has stopped", self.name);
        Ok(())
    }
}

/// Where to reach a node.
async fn address(network: &Network<Chat>) -> Result<NodeAddress> {
    let direct_addresses = network.direct_addresses().await;
    Ok(NodeAddress {
        public_key: network.node_id(),
        direct_addresses: direct_addresses.context("the network has ended")?,
        relay_url: None,
    })
}

/// The only log that anybody here writes.
const LOG: u64 = 0;

/// Offers the own log for every topic.
#[derive(Clone, Debug)]
struct OwnLog(PublicKey);

#[async_trait]
impl TopicLogMap<Chat, u64> for OwnLog {
    async fn get(&self, _topic: &Chat) -> Option<HashMap<PublicKey, Vec<u64>>> {
        Some(HashMap::from([(self.0, vec![LOG])]))
    }
}
