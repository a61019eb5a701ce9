// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every way in which a stream ends, and what is left of it.

use std::time::Duration;

use p2panda_core::{PrivateKey, PublicKey};
use p2panda_sync::test_protocols::SyncTestTopic;
use rand::seq::SliceRandom;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::TopicId;
use crate::engine::AddressBook;
use crate::engine::gossip::ToGossipActor;
use crate::network::{FromNetwork, SubscriptionId, ToNetwork};
use crate::notices::Notice;
use crate::sync::manager::ToSyncActor;

use super::{NewStream, TopicStreamId, TopicStreamStats, TopicStreams};

#[tokio::test(start_paused = true)]
async fn whichever_way_a_stream_ends_nothing_is_left_of_it() {
    type Ending = fn(Stream) -> Vec<Half>;
    let endings: [(&str, Ending); 4] = [
        ("receiver first", |stream| {
            drop(stream.rx);
            drop(stream.tx);
            vec![]
        }),
        ("sender first", |stream| {
            drop(stream.tx);
            drop(stream.rx);
            vec![]
        }),
        ("both kept", |stream| {
            stream.stop.cancel();
            vec![Half::Tx(stream.tx), Half::Rx(stream.rx)]
        }),
        ("receiver kept", |stream| {
            drop(stream.tx);
            stream.stop.cancel();
            vec![Half::Rx(stream.rx)]
        }),
    ];
    for (ending, end) in endings {
        for is_joined in [false, true] {
            let mut setup = Setup::new();
            let topic = topic("chat", 2);
            let mut notices = setup.streams.notices().subscribe();
            let stream = setup.subscribe(&topic).await;
            if is_joined {
                setup.join(&topic).await;
            }

            let id = SubscriptionId(stream.id);
            let kept = end(stream);
            setup.closed().await;
            assert_eq!(setup.cleanup().await, 1, "{ending}");
            assert_eq!(setup.cleanup().await, 0, "{ending}");
            assert_eq!(setup.left(), (1, 1), "{ending}");
            setup.streams.on_gossip_left(topic.id());
            assert_eq!(setup.stats().await, TopicStreamStats::default(), "{ending}");
            assert!(!setup.streams.unsubscribe(id.0).await.unwrap(), "{ending}");
            let topic_id = topic.id();
            let ended = Notice::StreamEnded { id, topic_id };
            assert_eq!(notices.try_recv(), Ok(ended), "{ending}");
            assert_eq!(notices.try_recv(), Err(TryRecvError::Empty), "{ending}");
            for half in kept {
                assert!(half.closes().await, "{ending}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_lives_as_long_as_one_half_is_held() {
    let mut setup = Setup::new();
    let topic = topic("chat", 2);
    let (reads, publishes) = (setup.subscribe(&topic).await, setup.subscribe(&topic).await);
    setup.join(&topic).await;
    drop(reads.tx);
    drop(publishes.rx);
    let closed = timeout(Duration::from_secs(60), setup.closed()).await;
    assert!(closed.is_err());

    let mut rx = reads.rx;
    setup.say(&topic, b"hello").await;
    assert!(rx.try_recv().is_ok());
    publishes.tx.send(message(1)).await.unwrap();
    assert!(matches!(
        setup.gossip_rx.recv().await,
        Some(ToGossipActor::Broadcast { .. })
    ));

    // Neither keeps the other.
    drop(rx);
    setup.closed().await;
    assert_eq!(setup.cleanup().await, 1);
    assert_eq!(setup.left(), (0, 0));
    assert_eq!(setup.stats().await.streams, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sibling_of_the_same_topic_id_stays_and_hears_of_the_join() {
    let mut setup = Setup::new();
    let (chat, files) = (topic("chat", 2), topic("files", 2));
    let first = setup.subscribe(&chat).await;
    let mut second = setup.subscribe(&files).await;
    let mut ready = first.ready;
    assert!(setup.streams.unsubscribe(first.id).await.unwrap());
    assert_eq!(ready.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    assert_eq!(setup.left(), (0, 1));

    setup.join(&files).await;
    assert_eq!(second.ready.try_recv(), Ok(()));
    setup.say(&files, b"hello").await;
    assert!(second.rx.try_recv().is_ok());

    assert!(setup.streams.unsubscribe(second.id).await.unwrap());
    assert_eq!(setup.left(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_end_is_published_and_then_nothing_can_be_sent() {
    let mut setup = Setup::new();
    let topic = topic("chat", 2);
    let stream = setup.subscribe(&topic).await;
    setup.join(&topic).await;
    let reserved = stream.tx.clone().reserve_owned().await.unwrap();
    for number in 0..5 {
        stream.tx.send(message(number)).await.unwrap();
    }
    // An application that keeps a place in the channel holds up nobody.
    let unsubscribed = timeout(
        Duration::from_secs(60),
        setup.streams.unsubscribe(stream.id),
    );
    assert!(unsubscribed.await.unwrap().unwrap());
    assert!(stream.tx.is_closed());
    assert!(stream.tx.send(message(5)).await.is_err());
    drop(reserved);

    for number in 0..5 {
        let Some(ToGossipActor::Broadcast { bytes, .. }) = setup.gossip_rx.recv().await else {
            panic!("message {number} is missing");
        };
        assert_eq!(bytes, [number]);
    }
    assert!(matches!(
        setup.gossip_rx.recv().await,
        Some(ToGossipActor::Leave { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn streams_of_one_topic_that_end_in_any_order_are_all_counted_out() {
    let mut setup = Setup::new();
    let topic = topic("chat", 2);
    let mut halves = Vec::new();
    for _ in 0..100 {
        let stream = setup.subscribe(&topic).await;
        halves.push(Half::Tx(stream.tx));
        halves.push(Half::Rx(stream.rx));
    }
    setup.join(&topic).await;
    halves.shuffle(&mut rand::thread_rng());

    let mut ended = 0;
    while let Some(half) = halves.pop() {
        drop(half);
        tokio::task::yield_now().await;
        ended += setup.cleanup().await;
        assert_eq!(setup.streams.active_count(), 100 - ended);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    ended += setup.cleanup().await;
    assert_eq!((ended, setup.left()), (100, (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_runs_while_its_topic_is_left_harms_nothing() {
    for is_done in [true, false] {
        for resubscribes in [true, false] {
            let mut setup = Setup::new();
            let topic = topic("chat", 2);
            let stream = setup.subscribe(&topic).await;
            setup.join(&topic).await;
            let streams = &mut setup.streams;
            streams.on_sync_handshake_success(topic.clone(), setup.peer);
            setup.say(&topic, b"held back").await;
            setup.streams.unsubscribe(stream.id).await.unwrap();
            assert_eq!(setup.streams.gossip_buffer_stats().messages, 0);
            setup.say(&topic, b"too late").await;
            setup.streams.on_gossip_left(topic.id());

            let mut again = None;
            if resubscribes {
                again = Some(setup.subscribe(&topic).await);
                setup.join(&topic).await;
                setup.say(&topic, b"in time").await;
            }
            let synced = (topic.clone(), vec![1], None, setup.peer);
            let streams = &mut setup.streams;
            let synced = streams.on_sync_message(synced.0, synced.1, synced.2, synced.3);
            synced.await.unwrap();
            if is_done {
                let done = setup.streams.on_sync_done(topic.clone(), setup.peer);
                done.await.unwrap();
            } else {
                let failed = setup.streams.on_sync_failed(Some(topic), setup.peer);
                failed.await.unwrap();
            }
            assert_eq!(setup.streams.gossip_buffer_stats(), Default::default());

            if let Some(mut stream) = again {
                let received = std::iter::from_fn(|| stream.rx.try_recv().ok()).count();
                assert_eq!(received, 1 + usize::from(is_done));
            } else {
                assert_eq!(setup.stats().await, TopicStreamStats::default());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn neighbours_in_an_overlay_that_was_left_are_neighbours_no_more() {
    let mut setup = Setup::new();
    let topic = topic("chat", 2);
    let stream = setup.subscribe(&topic).await;
    setup.join(&topic).await;
    setup.book.set_neighbours(topic.id(), &[setup.peer]).await;
    setup.streams.unsubscribe(stream.id).await.unwrap();

    assert_eq!(setup.book.stats().await.neighbours, 0);
}

#[tokio::test(start_paused = true)]
async fn publishers_end_with_those_who_started_them() {
    let mut setup = Setup::new();
    let stream = setup.subscribe(&topic("chat", 2)).await;
    drop(setup);

    let ended = timeout(Duration::from_secs(60), stream.tx.closed());
    assert!(ended.await.is_ok());
}

/// Streams, with this test for the gossip actor and the sync actor.
struct Setup {
    streams: TopicStreams<SyncTestTopic>,
    gossip_rx: mpsc::Receiver<ToGossipActor>,
    sync_rx: mpsc::Receiver<ToSyncActor<SyncTestTopic>>,
    book: AddressBook,
    peer: PublicKey,
}

struct Stream {
    id: TopicStreamId,
    tx: mpsc::Sender<ToNetwork>,
    rx: mpsc::Receiver<FromNetwork>,
    ready: oneshot::Receiver<()>,
    stop: CancellationToken,
}

enum Half {
    Tx(mpsc::Sender<ToNetwork>),
    Rx(mpsc::Receiver<FromNetwork>),
}

impl Half {
    async fn closes(self) -> bool {
        match self {
            Half::Tx(tx) => tx.is_closed(),
            Half::Rx(mut rx) => timeout(Duration::from_secs(60), rx.recv()).await == Ok(None),
        }
    }
}

impl Setup {
    fn new() -> Self {
        let (gossip_tx, gossip_rx) = mpsc::channel(64);
        let (sync_tx, sync_rx) = mpsc::channel(64);
        let book = AddressBook::new([1; 32]);
        Self {
            streams: TopicStreams::new(gossip_tx, book.clone(), Some(sync_tx)),
            gossip_rx,
            sync_rx,
            book,
            peer: PrivateKey::new().public_key(),
        }
    }

    async fn subscribe(&mut self, topic: &SyncTestTopic) -> Stream {
        let (tx, to_network_rx) = mpsc::channel(8);
        let (from_network_tx, rx) = mpsc::channel(8);
        let (gossip_ready_tx, ready) = oneshot::channel();
        let stop = CancellationToken::new();
        let subscribed = self.streams.subscribe_with_id(NewStream {
            topic: topic.clone(),
            to_network_rx,
            from_network_tx,
            gossip_ready_tx,
            stop: stop.clone(),
        });
        let id = subscribed.await.unwrap();
        Stream {
            id,
            tx,
            rx,
            ready,
            stop,
        }
    }

    async fn join(&mut self, topic: &SyncTestTopic) {
        self.streams.on_gossip_joined(topic.id()).await;
    }

    async fn say(&mut self, topic: &SyncTestTopic, bytes: &[u8]) {
        let streams = &mut self.streams;
        let said = streams.on_gossip_message(topic.id(), bytes.to_vec(), self.peer);
        said.await.unwrap();
    }

    async fn closed(&mut self) {
        self.streams.stream_closed().await;
    }

    async fn cleanup(&mut self) -> usize {
        self.streams.cleanup_closed_streams().await.unwrap()
    }

    async fn stats(&self) -> TopicStreamStats {
        self.streams.stats().await
    }

    /// How many overlays the gossip actor was asked to leave, and topics the sync actor to forget.
    fn left(&mut self) -> (usize, usize) {
        let left = std::iter::from_fn(|| self.gossip_rx.try_recv().ok())
            .filter(|message| matches!(message, ToGossipActor::Leave { .. }));
        let forgotten = std::iter::from_fn(|| self.sync_rx.try_recv().ok())
            .filter(|message| matches!(message, ToSyncActor::Forget { .. }));
        (left.count(), forgotten.count())
    }
}

fn topic(name: &str, id: u8) -> SyncTestTopic {
    let mut topic = SyncTestTopic::new(name);
    topic.1 = [id; 32];
    topic
}

fn message(number: u8) -> ToNetwork {
    let bytes = vec![number];
    ToNetwork::Message { bytes }
}
