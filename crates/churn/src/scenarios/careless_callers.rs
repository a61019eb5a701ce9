//! An application that is careless with what its node gave it: does the node go on serving an honest peer?

use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use iroh::endpoint::Connecting;
use p2panda_net::ProtocolHandler;
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::log::Log;
use crate::node::{self, Topic};
use crate::owed::serves;
use crate::run::Run;
use crate::served::Served;
use crate::session;

pub const DROPPED_EVENTS: Scenario = Scenario {
    name: "dropped-events",
    about: "An application asks for system events and drops the receiver; then something happens, and an honest peer talks",
    event: "receiver of events dropped, and an honest peer heard",
    defects: &["dropped-event-receiver-kills-engine"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(drop_events(run)),
};

pub const DROPPED_RECEIVER: Scenario = Scenario {
    name: "dropped-receiver",
    about: "An application drops the receiving half of a subscription, and an honest peer says something on its topic",
    event: "receiving half dropped, and an honest peer heard",
    defects: &["dropped-subscriber-kills-engine"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(drop_receivers(run)),
};

pub const UNREAD_SUBSCRIPTION: Scenario = Scenario {
    name: "unread-subscription",
    about: "An application leaves one subscription unread, while another one to the same topic talks with an honest peer",
    event: "message heard each way",
    defects: &["slow-subscriber-stalls-node"],
    // Settled: past the 30 s for which gossip keeps the payload of a message. Warm: the backlog of 1,024 messages is full.
    quick: Quick {
        events: 4_800,
        samples: 49,
        warmup_events: 1_600,
        settle_ms: 45_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 16.0,
    run: |run| Box::pin(leave_unread(run)),
};

pub const UNREAD_SYNC: Scenario = Scenario {
    name: "unread-sync",
    about: "An application leaves a subscription unread whose topic a stranger syncs again and again, and talks with an \
            honest peer on another",
    event: "session begun and given up, and an honest peer heard",
    defects: &["slow-subscriber-stalls-node"],
    // Warm: the subscription's channel and the permits of its topic are taken, 128 messages each.
    quick: Quick {
        events: 640,
        warmup_events: 320,
        ..FEW
    },
    budget_bytes_per_event: 128.0,
    run: |run| Box::pin(leave_sync_unread(run)),
};

pub const MANY_SUBSCRIPTIONS: Scenario = Scenario {
    name: "many-subscriptions",
    about: "An application makes 80 subscriptions to one topic and drops them after 5 s, and an honest peer talks",
    event: "80 subscriptions made and dropped, and an honest peer heard",
    defects: &["announcements-mute-gossip"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(subscribe_often(run)),
};

pub const MANY_TOPICS: Scenario = Scenario {
    name: "many-topics",
    about: "Two applications have 80 topics each that the other has not, subscribe to one more, talk there, and leave it",
    event: "further topic joined by both, a message heard each way, and both gone",
    defects: &["announcements-mute-gossip"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(have_many_topics(run)),
};

pub const SECOND_SUBSCRIPTION: Scenario = Scenario {
    name: "second-subscription",
    about: "An application subscribes to a topic that it has joined, and drops that when it is ready, and an honest peer talks",
    event: "second subscription made, ready and dropped, and an honest peer heard",
    defects: &["ready-signal-lost"],
    // Warm: past the 90 s for which gossip knows a message.
    quick: Quick {
        events: 240,
        warmup_events: 80,
        settle_ms: 0,
        ..FEW
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(subscribe_twice(run)),
};

pub const STUCK_HANDLER: Scenario = Scenario {
    name: "stuck-handler",
    about: "An application has a protocol whose handler does not end when it is asked to, and shuts its node down",
    event: "node started, and shut down",
    defects: &["dead-actor-unnoticed"],
    // Settled: past the few seconds in which an endpoint closes.
    quick: Quick {
        settle_ms: 10_000,
        ..FEW
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(shut_down_with_stuck_handler(run)),
};

/// How often a careless deed is done. Settled: past the 90 s for which gossip knows a message.
const FEW: Quick = Quick {
    events: 96,
    samples: 49,
    warmup_events: 32,
    settle_ms: 120_000,
    seconds_max: 12,
};

/// Time for something to happen that the node tells of: peers announce their topics every 2.2 s.
const MEANWHILE: Duration = Duration::from_secs(5);

/// More topic ids than fit into one gossip message, which is 62 of them.
const SUBSCRIPTIONS: usize = 80;

async fn drop_events(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    while run.next().await?.is_some() {
        serves(async {
            let events = served.node.events().await?;
            drop(events);
            Ok(())
        })
        .await?;
        tokio::time::sleep(MEANWHILE).await;
        served.talk::<32>(run).await?;
    }
    served.end().await
}

async fn drop_receivers(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    while run.next().await?.is_some() {
        let (speaker, listener) = node::subscribe(&served.node, served.topic).await?.split();
        drop(listener);
        served.talk::<32>(run).await?;
        drop(speaker);
    }
    served.end().await
}

async fn leave_unread(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    let _unread = node::subscribe(&served.node, served.topic).await?;
    while run.next().await?.is_some() {
        served.talk::<64>(run).await?;
    }
    served.end().await
}

async fn leave_sync_unread(run: &mut Run) -> Result<()> {
    let key = run.key();
    let sync = session::of_one_log(&key).await?;
    let node = node::loopback(key).sync(sync);
    let mut served = Served::start_as(run, node).await?;
    let topic = Topic(run.random());
    let _unread = node::subscribe(&served.node, topic).await?;
    let mut log = Log::new(run.key());
    log.append(&run.random::<1024>()).await?;
    let stranger = node::endpoint(&run.key()).await?;
    while run.next().await?.is_some() {
        // Once nobody takes what it brings, it ends no more.
        let session = session::sync_log(&stranger, &served.address, topic, log.protocol());
        let _ = timeout(MEANWHILE, session).await;
        served.talk::<32>(run).await?;
    }
    stranger.close().await;
    served.end().await
}

async fn subscribe_often(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    while run.next().await?.is_some() {
        let mut subscriptions = Vec::new();
        for _ in 0..SUBSCRIPTIONS {
            subscriptions.push(node::subscribe(&served.node, served.topic).await?);
        }
        tokio::time::sleep(MEANWHILE).await;
        drop(subscriptions);
        served.talk::<32>(run).await?;
    }
    served.end().await
}

async fn have_many_topics(run: &mut Run) -> Result<()> {
    let served = Served::start(run).await?;
    let further = Topic(run.random());
    let mut others = Vec::new();
    while run.next().await?.is_some() {
        while others.len() < 2 * SUBSCRIPTIONS {
            for node in [&served.node, &served.peer] {
                others.push(node::subscribe(node, Topic(run.random())).await?);
            }
        }
        let said = run.random::<32>();
        serves(async {
            let (mut here, mut there) = node::join(&served.node, &served.peer, further).await?;
            there.say(&said).await?;
            here.hear(&said).await?;
            here.say(&said.map(|byte| !byte)).await?;
            there.hear(&said.map(|byte| !byte)).await
        })
        .await?;
        tokio::time::sleep(MEANWHILE).await;
    }
    served.end().await
}

async fn subscribe_twice(run: &mut Run) -> Result<()> {
    let mut served = Served::start(run).await?;
    while run.next().await?.is_some() {
        let mut second = node::subscribe(&served.node, served.topic).await?;
        serves(second.joined()).await?;
        drop(second);
        served.talk::<32>(run).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    served.end().await
}

async fn shut_down_with_stuck_handler(run: &mut Run) -> Result<()> {
    while run.next().await?.is_some() {
        let node = node::loopback(run.key()).protocol(b"/churn-stuck/0", Stuck);
        let node = node.build().await?;
        serves(node.shutdown()).await?;
    }
    Ok(())
}

/// A handler that waits for what never comes, also when its node ends.
#[derive(Debug)]
struct Stuck;

impl ProtocolHandler for Stuck {
    fn accept(self: Arc<Self>, _: Connecting) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(future::pending())
    }

    fn shutdown(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(future::pending())
    }
}
