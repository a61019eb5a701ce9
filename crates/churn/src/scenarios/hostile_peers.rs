//! Strangers that send what no honest peer would: does the node go on serving an honest one?

use std::panic;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use iroh::endpoint::Connecting;
use iroh_gossip::ALPN;
use p2panda_net::ProtocolHandler;
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::gossip::{Gossiper, Link, introduce_to_itself};
use crate::node::{self, Topic};
use crate::owed::{PATIENCE, serves};
use crate::run::Run;
use crate::served::Served;
use crate::session;

pub const UNKNOWN_TOPIC: Scenario = Scenario {
    name: "unknown-topic",
    about: "A stranger syncs a topic with a node that is not subscribed to it, and an honest peer talks",
    event: "session about a new topic, and an honest peer heard",
    defects: &["unknown-topic-panics"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(sync_unknown_topics(run)),
};

pub const PANICKING_HANDLER: Scenario = Scenario {
    name: "panicking-handler",
    about: "A stranger connects to a protocol of the application whose handler panics, and an honest peer talks",
    event: "handler panicked, and an honest peer heard",
    defects: &["handler-panic-stops-node"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(have_handlers_panic(run)),
};

pub const SHORT_FRAME: Scenario = Scenario {
    name: "short-frame",
    about: "A stranger sends a gossip frame of seven bytes that announces sixteen more, and an honest peer talks",
    event: "frame cut short, and an honest peer heard",
    defects: &["short-frame-kills-actor"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(cut_frames_short(run)),
};

pub const OWN_ID: Scenario = Scenario {
    name: "own-id",
    about: "A stranger introduces a gossip node to itself, on a topic where it is alone, and an honest peer talks on another",
    event: "introduction, and an honest peer heard",
    defects: &["own-id-kills-actor"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(introduce_to_themselves(run)),
};

pub const SILENT_NEIGHBOUR: Scenario = Scenario {
    name: "silent-neighbour",
    about: "A stranger joins the overlay of a topic and reads nothing, again whenever it is disconnected, while others talk",
    event: "3,500 bytes heard each way",
    defects: &["actor-wedges"],
    // Settled: past the 30 s for which gossip keeps the payload of a message. The untouched node stands still once the windows
    // of a stream and the queue behind it are full, within a few hundred messages.
    quick: Quick {
        events: 1_200,
        samples: 49,
        warmup_events: 400,
        settle_ms: 45_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(read_nothing(run)),
};

/// How often a stranger comes. Settled: past the 50 s after which iroh's node map lets go of who was there, and the 90 s for
/// which gossip knows a message. What both ends keep of the connections between them levels off after some 130.
const FEW: Quick = Quick {
    events: 480,
    samples: 49,
    warmup_events: 160,
    settle_ms: 120_000,
    seconds_max: 12,
};

/// A length of sixteen, and three bytes.
const CUT_SHORT: [u8; 7] = [0, 0, 0, 16, 1, 2, 3];

/// The protocol whose handler panics.
const PANICS: &[u8] = b"/churn-panics/0";

async fn sync_unknown_topics(run: &mut Run) -> Result<()> {
    let key = run.key();
    let sync = session::of_one_log(&key).await?;
    let node = node::loopback(key).sync(sync);
    let mut served = Served::start_as(run, node).await?;
    let key = run.key();
    let stranger = node::endpoint(&key).await?;
    while run.next().await?.is_some() {
        let topic = Topic(run.random());
        let session = session::sync(&stranger, &served.address, topic, &key);
        // Whether a stranger's session succeeds is not the question.
        let _ = timeout(PATIENCE, session).await;
        served.talk::<32>(run).await?;
    }
    stranger.close().await;
    served.end().await
}

async fn have_handlers_panic(run: &mut Run) -> Result<()> {
    let node = node::loopback(run.key()).protocol(PANICS, Panics);
    let mut served = Served::start_as(run, node).await?;
    let stranger = node::endpoint(&run.key()).await?;
    while run.next().await?.is_some() {
        let connection = stranger.connect(served.address.clone(), PANICS).await?;
        // Until the handler is gone.
        let _ = timeout(PATIENCE, connection.closed()).await;
        served.talk::<32>(run).await?;
    }
    stranger.close().await;
    served.end().await
}

async fn cut_frames_short(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    let stranger = node::endpoint(&run.key()).await?;
    while run.next().await?.is_some() {
        let connection = stranger.connect(served.address.clone(), ALPN).await?;
        let (mut send, _receive) = connection.open_bi().await?;
        send.write_all(&CUT_SHORT).await?;
        send.finish()?;
        // Until the frame was read.
        let _ = timeout(PATIENCE, connection.closed()).await;
        served.talk::<32>(run).await?;
    }
    stranger.close().await;
    served.end().await
}

async fn introduce_to_themselves(run: &mut Run) -> Result<()> {
    let (shared, lonely) = (run.random().into(), run.random().into());
    let node = Gossiper::spawn(&run.key()).await?;
    let peer = Gossiper::spawn(&run.key()).await?;
    let address = node.address().await?;
    peer.meet(address.clone())?;
    let mut here = node.subscribe(shared, Vec::new())?;
    let mut there = peer.subscribe(shared, vec![node.id()])?;
    tokio::try_join!(here.joined(), there.joined())?;
    let _alone = node.subscribe(lonely, Vec::new())?;
    let stranger = node::endpoint(&run.key()).await?;
    while run.next().await?.is_some() {
        introduce_to_itself(&stranger, address.clone(), lonely).await?;
        let said = run.random::<32>();
        serves(async {
            there.say(&said).await?;
            here.hear(&said).await
        })
        .await?;
    }
    stranger.close().await;
    peer.shutdown().await?;
    node.shutdown().await
}

async fn read_nothing(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    let stranger = node::endpoint(&run.key()).await?;
    let mut link: Option<Link> = None;
    while run.next().await?.is_some() {
        if !link.as_ref().is_some_and(Link::is_open) {
            let to = served.address.clone();
            link = Some(Link::open(&stranger, to, served.topic.0.into()).await?);
        }
        served.talk::<3_500>(run).await?;
    }
    stranger.close().await;
    served.end().await
}

/// A handler of which nothing is left once it has panicked.
#[derive(Debug)]
struct Panics;

impl ProtocolHandler for Panics {
    fn accept(
        self: Arc<Self>,
        connecting: Connecting,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            let _connection = connecting.await?;
            // A panic, but for the message on stderr.
            panic::resume_unwind(Box::new("as a handler does whose application is gone"));
        })
    }
}
