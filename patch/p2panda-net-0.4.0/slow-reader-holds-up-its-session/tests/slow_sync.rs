// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sync sessions that bring more than the application reads.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Sink, SinkExt};
use p2panda_net::{
    FromNetwork, Network, NetworkBuilder, NodeAddress, SyncConfiguration, SystemEvent, ToNetwork,
    TopicId,
};
use p2panda_sync::{FromSync, SyncError, SyncProtocol, TopicQuery};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// What each session on this topic brings. There are two, as each node begins one.
const OPERATIONS: u32 = 5000;

/// As many as the channel of a stream, the permits of a topic, and the queues of two sessions hold.
const UNDER_WAY: u32 = 128 + 128 + 2 * (128 + 16 + 3);

#[tokio::test]
async fn a_session_waits_for_the_application_and_nobody_waits_for_the_session() {
    let taken = Arc::new(AtomicU32::new(0));
    let (ours, theirs) = nodes(&taken).await;
    let ((_tx, mut rx), (their_tx, _)) = subscribe_both(&ours, &theirs, Topic(LIVE)).await;
    let ((_slow_tx, mut slow_rx), _theirs) = subscribe_both(&ours, &theirs, Topic(SYNCED)).await;
    in_time(async {
        while taken.load(Ordering::SeqCst) < 128 + 128 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    for number in 0..100u32 {
        let bytes = number.to_be_bytes().into();
        their_tx.send(ToNetwork::Message { bytes }).await.unwrap();
    }
    let mut missing: BTreeSet<u32> = (0..100).collect();
    while !missing.is_empty() {
        let FromNetwork::GossipMessage { bytes, .. } = in_time(rx.recv()).await.unwrap() else {
            panic!("there is nothing to sync");
        };
        missing.remove(&u32::from_be_bytes(bytes.try_into().unwrap()));
    }
    in_time(ours.known_peers()).await.unwrap();
    let taken = taken.load(Ordering::SeqCst);
    assert!(taken <= UNDER_WAY, "{taken} messages wait for nobody");

    // All of it comes, in its order.
    let mut next = [0u32; 2];
    for _ in 0..2 * OPERATIONS {
        let FromNetwork::SyncMessage { header, .. } = in_time(slow_rx.recv()).await.unwrap() else {
            panic!("nobody gossips");
        };
        let next = &mut next[usize::from(header[0])];
        assert_eq!(header[1..], next.to_be_bytes());
        *next += 1;
    }

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_session_for_a_stream_that_was_dropped_waits_no_longer() {
    let taken = Arc::new(AtomicU32::new(0));
    let (ours, theirs) = nodes(&taken).await;
    let mut events = ours.events().await.unwrap();
    let ((_tx, rx), _theirs) = subscribe_both(&ours, &theirs, Topic(SYNCED)).await;
    in_time(async {
        while taken.load(Ordering::SeqCst) < 128 + 128 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    drop(rx);
    for _ in 0..2 {
        while !matches!(
            in_time(events.recv()).await.unwrap(),
            SystemEvent::SyncDone { .. }
        ) {}
    }
    assert_eq!(taken.load(Ordering::SeqCst), 2 * OPERATIONS);

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

const LIVE: u8 = 2;
const SYNCED: u8 = 3;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic(u8);

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [self.0; 32]
    }
}

/// Two nodes that know each other. What sessions bring to the first is counted.
async fn nodes(taken: &Arc<AtomicU32>) -> (Network<Topic>, Network<Topic>) {
    let brings = Brings {
        operations: OPERATIONS,
        taken: taken.clone(),
    };
    let (ours, theirs) = (node(brings).await, node(Brings::default()).await);
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    (ours, theirs)
}

async fn node(protocol: Brings) -> Network<Topic> {
    NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .sync(SyncConfiguration::new(protocol))
        .build()
        .await
        .unwrap()
}

async fn address_of(network: &Network<Topic>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let done = timeout(Duration::from_secs(30), future).await;
    done.expect("it takes longer than half a minute")
}

type Stream = (mpsc::Sender<ToNetwork>, mpsc::Receiver<FromNetwork>);

async fn subscribe_both(
    ours: &Network<Topic>,
    theirs: &Network<Topic>,
    topic: Topic,
) -> (Stream, Stream) {
    let (tx, rx, ready) = ours.subscribe(topic.clone()).await.unwrap();
    let (their_tx, their_rx, their_ready) = theirs.subscribe(topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();
    ((tx, rx), (their_tx, their_rx))
}

/// Sessions that bring so many operations, out of nothing, on one topic, and count those taken.
#[derive(Debug, Default)]
struct Brings {
    operations: u32,
    taken: Arc<AtomicU32>,
}

type Writer<'a> = Box<&'a mut (dyn AsyncWrite + Send + Unpin)>;
type Reader<'a> = Box<&'a mut (dyn AsyncRead + Send + Unpin)>;
type ToApp<'a> = Box<&'a mut (dyn Sink<FromSync<Topic>, Error = SyncError> + Send + Unpin)>;

impl Brings {
    async fn bring(&self, role: u8, topic: Topic, mut app_tx: ToApp<'_>) -> Result<(), SyncError> {
        app_tx
            .send(FromSync::HandshakeSuccess(topic.clone()))
            .await?;
        if topic == Topic(SYNCED) {
            for number in 0..self.operations {
                let header = [&[role], &number.to_be_bytes()[..]].concat();
                let payload = None;
                app_tx.send(FromSync::Data { header, payload }).await?;
                self.taken.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl<'a> SyncProtocol<'a, Topic> for Brings {
    fn name(&self) -> &'static str {
        "brings"
    }

    async fn initiate(
        self: Arc<Self>,
        topic: Topic,
        mut tx: Writer<'a>,
        _rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        tx.write_all(&[topic.0]).await?;
        tx.flush().await?;
        self.bring(0, topic, app_tx).await
    }

    async fn accept(
        self: Arc<Self>,
        _tx: Writer<'a>,
        mut rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        let mut topic = [0];
        rx.read_exact(&mut topic).await?;
        self.bring(1, Topic(topic[0]), app_tx).await
    }
}
