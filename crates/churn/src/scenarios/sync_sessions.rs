//! Sync sessions that wait, end late or say too much: do others go on, does gossip arrive, and how much is held back for them?

use std::future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use async_trait::async_trait;
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt, Sink};
use iroh::endpoint::{Connection, RecvStream, SendStream};
use iroh::{Endpoint, NodeAddr};
use p2panda_core::PrivateKey;
use p2panda_net::{FromNetwork, NetworkBuilder, SyncConfiguration};
use p2panda_sync::{FromSync, SyncError, SyncProtocol};
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::{self, Key, Subscription, Topic};
use crate::owed::serves;
use crate::run::{Dead, Run};
use crate::served::Served;
use crate::session::{self, Hub, Said};

pub const WAITING_SESSIONS: Scenario = Scenario {
    name: "waiting-sessions",
    about: "Two nodes subscribe to two topics at once, with one sync session at a time; once both have synced on both, they talk",
    event: "message heard on a topic that has synced",
    defects: &["sync-actor-deadlocks", "message-ids-never-expire"],
    quick: EVERY_SECOND,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(have_sessions_wait(run)),
};

pub const OTHER_SESSION_FAILS: Scenario = Scenario {
    name: "other-session-fails",
    about: "While a sync session with a peer runs, a node dials that peer in vain; what the peer gossips \
            meanwhile is heard after it, and not before",
    event: "session held for 2 s, and a message heard",
    defects: &[
        "mispaired-unlock",
        "message-ids-never-expire",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Warm: what both ends keep of the connections between them levels off after some 130.
    quick: Quick {
        events: 320,
        ..EVERY_SECOND
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(fail_beside_a_session(run)),
};

pub const REPEATED_HAVE: Scenario = Scenario {
    name: "repeated-have",
    about: "A peer says twice in one sync session what it has, and ends it; what it gossips is heard",
    event: "message heard each way",
    defects: &["repeated-have", "message-ids-never-expire"],
    quick: EVERY_SECOND,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(say_twice(run)),
};

pub const ENDLESS_SESSION: Scenario = Scenario {
    name: "endless-session",
    about: "A peer begins a sync session, says a byte now and then that ends nothing, and gossips 1 KiB a second meanwhile",
    event: "1 KiB gossiped",
    defects: &["gossip-buffer-unbounded", "message-ids-never-expire"],
    quick: EVERY_SECOND,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(never_end(run)),
};

pub const UNFINISHED_SESSIONS: Scenario = Scenario {
    name: "unfinished-sessions",
    about: "A peer begins sync session after sync session with a node and ends none, and at the end another one syncs",
    event: "session begun",
    defects: &[
        "accepts-without-limit",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the few seconds in which a closed connection drains.
    quick: Quick {
        events: 480,
        settle_ms: 10_000,
        ..EVERY_SECOND
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(end_none(run)),
};

/// An event takes a second or more, so that nothing is waited for at a sample. Warm: past the 90 s for which gossip knows a
/// message, and the minute for which one is held back.
const EVERY_SECOND: Quick = Quick {
    events: 480,
    samples: 49,
    warmup_events: 160,
    settle_ms: 0,
    seconds_max: 12,
};

/// How long an event lasts that would be over sooner.
const SECOND: Duration = Duration::from_secs(1);

/// Logs in what is said a byte at a time: more of it than a run has time for.
const LONG: usize = 64;

/// How often a byte of that is said: within the two minutes after which a connection counts as silent.
const NOW_AND_THEN: Duration = Duration::from_secs(20);

/// Time for both to find that they share a topic, and to begin a session.
const MEET: Duration = Duration::from_secs(20);

async fn have_sessions_wait(run: &mut Run) -> Result<()> {
    const TOPICS: usize = 2;
    let node = with_one_session(run.key()).await?;
    let peer = with_one_session(run.key()).await?;
    let (node, peer) = node::pair(node, peer).await?;
    run.watch(&node);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for _ in 0..TOPICS {
        let topic = Topic(run.random());
        here.push(node::subscribe(&node, topic).await?);
        there.push(node::subscribe(&peer, topic).await?);
    }
    while let Some(event) = run.next().await? {
        if event == 0 {
            for subscription in here.iter_mut().chain(&mut there) {
                serves(subscription.joined()).await?;
                serves(synced(subscription)).await?;
            }
        }
        let (said, topic) = (run.random::<32>(), event as usize % TOPICS);
        serves(async {
            there[topic].say(&said).await?;
            here[topic].hear(&said).await
        })
        .await?;
        sleep(SECOND).await;
    }
    peer.shutdown().await?;
    node.shutdown().await
}

async fn fail_beside_a_session(run: &mut Run) -> Result<()> {
    let key = run.key();
    // The peer does not speak it: each attempt of the node's fails before it has begun.
    let dials = session::of_one_log(&key)
        .await?
        .max_retry_attempts(u8::MAX)
        .retry_interval(1)
        .retry_poll_interval(1);
    let node = node::loopback(key).sync(dials);
    let mut served = Served::start_as(run, node).await?;
    while run.next().await?.is_some() {
        let said = run.random::<32>();
        let have = Said::Have(served.topic, Vec::new());
        let session = Held::begin(served.peer.endpoint(), &served.address, &have).await?;
        serves(served.peer_says(&said)).await?;
        sleep(2 * SECOND).await;
        if served.has_heard() {
            bail!(Dead(
                "what is held back for a session comes before its end".into()
            ));
        }
        session.end().await?;
        serves(served.hears(&said)).await?;
    }
    served.end().await
}

async fn say_twice(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).sync(session::of_one_log(&run.key()).await?);
    let peer = node::loopback(run.key()).sync(SyncConfiguration::new(Sly::SaysTwice));
    let mut served = Served::start_between(run, node, peer).await?;
    sleep(MEET).await;
    while run.next().await?.is_some() {
        served.talk::<32>(run).await?;
        sleep(SECOND).await;
    }
    served.end().await
}

async fn never_end(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).sync(session::of_one_log(&run.key()).await?);
    let peer = node::loopback(run.key()).sync(SyncConfiguration::new(Sly::NeverEnds));
    let (node, peer) = node::pair(node, peer).await?;
    let (mut here, mut there) = node::join(&node, &peer, Topic(run.random())).await?;
    run.watch(&node);
    sleep(MEET).await;
    let mut heard = 0;
    while run.next().await?.is_some() {
        there.say(&run.random::<1024>()).await?;
        sleep(SECOND).await;
        heard += here.ignore();
        there.ignore();
    }
    // What is held back is bounded, and not lost.
    ensure!(
        heard > 0 || !cfg!(feature = "fork"),
        "nothing is heard of what was held back"
    );
    // No shutdown: the untouched node would wait for the session.
    Ok(())
}

async fn end_none(run: &mut Run) -> Result<()> {
    let mut hub = Hub::start(run).await?;
    let (greedy, honest) = (run.key(), run.key());
    let greedy = node::endpoint(&greedy).await?;
    let have = Said::Have(hub.topic, Vec::new());
    let mut held = Vec::new();
    while let Some(event) = run.next().await? {
        // Both ends are in this process: what the node closes goes here, too.
        held.retain(Held::is_open);
        let session = Held::begin(&greedy, &hub.address, &have).await;
        match session {
            Ok(session) => held.push(session),
            // Of the sessions that it is refused, it learns so.
            Err(_) if !held.is_empty() => {}
            Err(error) => return Err(error.context(format!("session {event}"))),
        }
        hub.subscription.ignore();
    }
    let visitor = node::endpoint(&honest).await?;
    serves(hub.sync(&visitor, &honest)).await?;
    // No shutdown: the untouched node would wait for the sessions.
    Ok(())
}

/// Waits until the log of the other has come.
async fn synced(subscription: &mut Subscription) -> Result<()> {
    while !matches!(subscription.next().await?, FromNetwork::SyncMessage { .. }) {}
    Ok(())
}

/// A node to be that has a log, and one sync session at a time.
async fn with_one_session(key: Key) -> Result<NetworkBuilder<Topic>> {
    let sync = session::of_one_log(&key).await?;
    let one_at_a_time = sync.max_concurrent_sync_sessions(1);
    Ok(node::loopback(key).sync(one_at_a_time))
}

/// A session of the peer's own making, on its own connection to the node.
struct Held {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
}

impl Held {
    /// Says what the peer has, and waits until the node answers.
    async fn begin(from: &Endpoint, to: &NodeAddr, have: &Said) -> Result<Self> {
        let connection = from.connect(to.clone(), session::ALPN).await?;
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(&have.to_bytes()?).await?;
        receive.read_exact(&mut [0]).await?;
        Ok(Self {
            connection,
            send,
            receive,
        })
    }

    fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// Ends it as log sync does.
    async fn end(mut self) -> Result<()> {
        const ANSWER: usize = 64 * 1024;
        self.send.write_all(&Said::Done.to_bytes()?).await?;
        self.send.finish()?;
        self.receive.read_to_end(ANSWER).await?;
        self.connection.close(0_u32.into(), b"");
        Ok(())
    }
}

/// A protocol that speaks as log sync does, and out of turn.
#[derive(Clone, Copy, Debug)]
enum Sly {
    SaysTwice,
    NeverEnds,
}

type Writer<'a> = Box<&'a mut (dyn AsyncWrite + Send + Unpin)>;
type Reader<'a> = Box<&'a mut (dyn AsyncRead + Send + Unpin)>;
type ToApp<'a> = Box<&'a mut (dyn Sink<FromSync<Topic>, Error = SyncError> + Send + Unpin)>;

#[async_trait]
impl<'a> SyncProtocol<'a, Topic> for Sly {
    fn name(&self) -> &'static str {
        "sly"
    }

    async fn initiate(
        self: Arc<Self>,
        topic: Topic,
        mut send: Writer<'a>,
        _receive: Reader<'a>,
        _app: ToApp<'a>,
    ) -> Result<(), SyncError> {
        let have = Said::Have(topic, Vec::new());
        write(&mut send, &have).await?;
        match *self {
            Self::SaysTwice => {
                write(&mut send, &have).await?;
                write(&mut send, &Said::Done).await
            }
            Self::NeverEnds => {
                let nobody = PrivateKey::from_bytes(&[7; 32]).public_key();
                let long = Said::Have(topic, vec![(nobody, Vec::new()); LONG]);
                for byte in encode(&long)? {
                    send.write_all(&[byte]).await?;
                    sleep(NOW_AND_THEN).await;
                }
                future::pending().await
            }
        }
    }

    /// The session that the other side begins is over at once.
    async fn accept(
        self: Arc<Self>,
        _send: Writer<'a>,
        _receive: Reader<'a>,
        _app: ToApp<'a>,
    ) -> Result<(), SyncError> {
        Ok(())
    }
}

async fn write(send: &mut Writer<'_>, said: &Said) -> Result<(), SyncError> {
    Ok(send.write_all(&encode(said)?).await?)
}

fn encode(said: &Said) -> Result<Vec<u8>, SyncError> {
    let said = said.to_bytes();
    said.map_err(|error| SyncError::Critical(error.to_string()))
}
