//! What it costs to join a topic, and to tell something to all of its nodes, over connections on loopback.
//!
//! It uses nothing that the crate did not always have. All nodes of a swarm share one thread, so that time is work.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    time::Duration,
};

use criterion::{
    criterion_group, criterion_main, BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput,
};
use iroh::{
    address_lookup::memory::MemoryLookup,
    endpoint::{presets, PortmapperConfig},
    protocol::Router,
    Endpoint, RelayMode,
};
use iroh_gossip::{
    api::{Event, GossipReceiver, GossipSender},
    net::{Gossip, GOSSIP_ALPN},
    proto::TopicId,
};
use n0_future::StreamExt;
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

criterion_group!(benches, join, broadcast);
criterion_main!(benches);

const TOPIC: TopicId = TopicId::from_bytes([7; 32]);

/// Messages in a round.
const MESSAGES: u64 = 1_000;

/// Messages before it, in which the nodes find out who passes on to whom.
const WARM_UP: u64 = 200;

/// Messages on their way at once, fewer than any queue holds.
const WINDOW: u64 = 20;

/// Bytes of a frame; by default there is no room for more than the larger messages' content.
const FRAME: usize = 8 * 1024;

/// How long the warm-up may take. Of nodes that join in quick succession one may be left without neighbors.
const WARM_UP_MAX: Duration = Duration::from_secs(10);

/// How many swarms may be given up for that in a row.
const SWARMS_MAX: usize = 20;

fn join(c: &mut Criterion) {
    let runtime = runtime();
    let mut group = c.benchmark_group("join");
    group.sampling_mode(SamplingMode::Flat);
    group.sample_size(50);
    group.bench_function("by way of one node", |b| {
        b.iter_batched(
            || runtime.block_on(async { [Node::spawn(&[]).await, Node::spawn(&[]).await] }),
            |[first, second]| {
                runtime.block_on(async {
                    let waiting = first.subscribe(&[]).await;
                    let joined = second.join(&first).await;
                    (first, second, waiting, joined)
                })
            },
            BatchSize::PerIteration,
        )
    });
}

fn broadcast(c: &mut Criterion) {
    let mut group = c.benchmark_group("broadcast");
    group.throughput(Throughput::Elements(MESSAGES));
    group.sampling_mode(SamplingMode::Flat);
    group.sample_size(20);
    for nodes in [2, 10] {
        for len in [64, 4096] {
            let id = BenchmarkId::new(format!("{nodes} nodes"), format!("{len} bytes"));
            group.bench_function(id, |b| {
                b.iter_batched(
                    || Swarm::whole(nodes, len),
                    |swarm| swarm.tell(WARM_UP..WARM_UP + MESSAGES),
                    BatchSize::PerIteration,
                )
            });
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Nodes that joined a topic through the first of them, which then does the talking.
///
/// Who is whose neighbor is left to chance, so each round has a swarm of its own.
struct Swarm {
    members: Members,
    runtime: Runtime,
}

struct Members {
    speaker: GossipSender,
    listeners: Vec<GossipReceiver>,
    /// What ends when it is dropped.
    _kept: (Vec<Node>, Vec<GossipSender>, GossipReceiver),
    len: usize,
}

impl Swarm {
    /// One in which everybody hears the first.
    fn whole(nodes: usize, len: usize) -> Self {
        for _ in 0..SWARMS_MAX {
            let runtime = runtime();
            let mut members = runtime.block_on(Members::join(nodes, len));
            let warm_up = async { timeout(WARM_UP_MAX, members.tell(0..WARM_UP)).await };
            if runtime.block_on(warm_up).is_ok() {
                return Self { members, runtime };
            }
        }
        panic!("{SWARMS_MAX} swarms of {nodes} nodes in a row left one of them alone");
    }

    /// Tells the messages with these numbers, and is done when everybody has heard them.
    fn tell(mut self, numbers: Range<u64>) -> Self {
        self.runtime.block_on(self.members.tell(numbers));
        self
    }
}

impl Members {
    async fn join(nodes: usize, len: usize) -> Self {
        let first = Node::spawn(&[]).await;
        let (speaker, heard) = first.subscribe(&[]).await;
        let mut kept = (vec![first], Vec::new(), heard);
        let mut listeners = Vec::new();
        for _ in 1..nodes {
            let node = Node::spawn(&kept.0).await;
            let (sender, listener) = node.join(&kept.0[0]).await;
            listeners.push(listener);
            kept.1.push(sender);
            for other in &kept.0 {
                other.known.add_endpoint_info(node.endpoint().addr());
            }
            kept.0.push(node);
        }
        Self {
            speaker,
            listeners,
            _kept: kept,
            len,
        }
    }

    async fn tell(&mut self, numbers: Range<u64>) {
        let mut next = numbers.start;
        while next < numbers.end {
            let window = next..numbers.end.min(next + WINDOW);
            next = window.end;
            let told = window.end - window.start;
            for number in window {
                let mut content = vec![7; self.len];
                content[..8].copy_from_slice(&number.to_le_bytes());
                self.speaker.broadcast(content.into()).await.unwrap();
            }
            for listener in &mut self.listeners {
                hear(listener, told).await;
            }
        }
    }
}

async fn hear(listener: &mut GossipReceiver, count: u64) {
    let mut heard = 0;
    while heard < count {
        match listener.next().await.unwrap().unwrap() {
            Event::Received(_) => heard += 1,
            Event::NeighborUp(_) | Event::NeighborDown(_) => {}
            Event::Lagged => panic!("a window is fewer messages than a listener may leave unread"),
        }
    }
}

/// A node that accepts gossip connections, on loopback and nowhere else.
struct Node {
    gossip: Gossip,
    router: Router,
    known: MemoryLookup,
}

impl Node {
    async fn spawn(others: &[Node]) -> Self {
        let known = MemoryLookup::new();
        for other in others {
            known.add_endpoint_info(other.endpoint().addr());
        }
        let endpoint = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .address_lookup(known.clone())
            .portmapper_config(PortmapperConfig::Disabled)
            .clear_ip_transports()
            .bind_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .unwrap()
            .bind()
            .await
            .unwrap();
        let gossip = Gossip::builder()
            .max_message_size(FRAME)
            .spawn(endpoint.clone());
        let router = Router::builder(endpoint).accept(GOSSIP_ALPN, gossip.clone());
        Self {
            gossip,
            router: router.spawn(),
            known,
        }
    }

    fn endpoint(&self) -> &Endpoint {
        self.router.endpoint()
    }

    async fn subscribe(&self, nodes: &[&Node]) -> (GossipSender, GossipReceiver) {
        let ids = nodes.iter().map(|node| {
            self.known.add_endpoint_info(node.endpoint().addr());
            node.endpoint().id()
        });
        let topic = self.gossip.subscribe(TOPIC, ids.collect()).await;
        topic.unwrap().split()
    }

    /// Subscribes, and waits for the first neighbor.
    async fn join(&self, node: &Node) -> (GossipSender, GossipReceiver) {
        let (sender, mut receiver) = self.subscribe(&[node]).await;
        receiver.joined().await.unwrap();
        (sender, receiver)
    }
}
