//! A node stays, others come, sync a log with it, and go.

use anyhow::{Context, Result};
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_net::{FromNetwork, NetworkBuilder, SyncConfiguration};

use super::{Quick, Scenario};
use crate::log::Log;
use crate::node::{self, Subscription, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "sync-churn",
    about: "A node stays while real nodes join its topic one after the other, sync their logs with it, and leave",
    event: "peer joined, synced, and left",
    defects: &[
        "address-book-grows",
        "disco-secrets",
        "gossip-buffer-counters",
        "half-open-connections",
        "message-ids-never-expire",
        "node-addresses",
        "peer-data-grows",
        "pending-queue-grows",
        "phantom-neighbours",
        "rtt-actor-streams",
        "stale-peer-entries",
        "sync-sessions-grow",
        "topic-neighbours-grow",
        "watchable-wakers",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 30 s after which a connection without an answer ends, the 50 s after which iroh's node map lets go of
    // who was there, the 90 s for which gossip knows a message, and the 2 min of a disco secret. The warm-up fills the book.
    quick: Quick {
        events: 640,
        samples: 49,
        warmup_events: 320,
        settle_ms: 180_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(sync(run)),
};

/// Operations in the log of each.
const OPERATIONS: u8 = 4;

async fn sync(run: &mut Run) -> Result<()> {
    let topic = Topic(run.random());
    // Somebody else has to be there already: a node that is alone does not join the overlay of its own topic.
    let hub = node::with_small_book(with_log(run.key()).await?);
    let anchor = node::with_small_book(node::loopback(run.key()));
    let (hub, anchor) = node::pair(hub, anchor).await?;
    let (mut here, _there) = node::join(&hub, &anchor, topic).await?;
    let hub_address = node::address(&hub).await?;
    run.watch(&hub);

    while let Some(event) = run.next().await? {
        let key = run.key();
        let visitor = with_log(key.clone()).await?.build().await?;
        visitor.add_peer(hub_address.clone()).await?;
        let mut there = node::subscribe(&visitor, topic).await?;
        let synced = async {
            arrive(&mut there, &hub_address.public_key).await?;
            arrive(&mut here, &key.public_key()).await
        };
        synced.await.with_context(|| format!("visitor {event}"))?;
        visitor.shutdown().await?;
        here.ignore();
    }

    anchor.shutdown().await?;
    hub.shutdown().await
}

/// A node to be that offers a log of its own.
async fn with_log(key: PrivateKey) -> Result<NetworkBuilder<Topic>> {
    let mut log = Log::new(key.clone());
    for number in 0..OPERATIONS {
        log.append(&[number]).await?;
    }
    Ok(node::loopback(key).sync(SyncConfiguration::new(log.protocol())))
}

/// Waits until the whole log of this peer has come.
async fn arrive(subscription: &mut Subscription, peer: &PublicKey) -> Result<()> {
    let mut missing = OPERATIONS;
    while missing > 0 {
        if let FromNetwork::SyncMessage { delivered_from, .. } = subscription.next().await?
            && delivered_from == *peer
        {
            missing -= 1;
        }
    }
    Ok(())
}
