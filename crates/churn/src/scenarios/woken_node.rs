//! A node that sleeps while it joins its first overlay, as a laptop does whose lid is closed.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use iroh::Endpoint;
use iroh::endpoint::Connection;
use iroh_gossip::net::{Event, GOSSIP_ALPN, Gossip, GossipEvent, GossipTopic};
use p2panda_net::NodeAddress;
use tokio::time::{self, sleep};

use super::{Quick, Scenario};
use crate::node::{self, Topic};
use crate::owed::owed;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "woken-node",
    about: "A node sleeps while a peer takes its time to let it into the network's overlay, and wakes as that peer answers",
    event: "node started, put to sleep, woken and heard",
    defects: &["reset-panics"],
    // Settled: past the few seconds in which an endpoint closes, and the 90 s for which gossip knows a message.
    quick: Quick {
        events: 96,
        samples: 49,
        warmup_events: 32,
        settle_ms: 120_000,
        seconds_max: 12,
    },
    // An event is a whole node, and what iroh remembers of those that were there fills up for some 400 of them.
    budget_bytes_per_event: 4_096.0,
    run: |run| Box::pin(sleep_and_wake(run)),
};

/// Past 22.5 s without a look at the clock, which is taken for a change of the network; and within the 30 s after which a
/// connection ends that hears nothing.
const SLEEP: Duration = Duration::from_secs(23);

/// After the node has noticed that it slept, and before it next looks for peers to join by, which it does every 0.9 s: that
/// moment comes earlier or later from one event to the next.
const STEPS: u64 = 16;
const STEP: Duration = Duration::from_millis(50);

async fn sleep_and_wake(run: &mut Run) -> Result<()> {
    let key = run.key();
    let endpoint = node::endpoint(&key).await?;
    endpoint.set_alpns(vec![GOSSIP_ALPN.to_vec()])?;
    let gossip = Gossip::builder().spawn(endpoint.clone()).await?;
    let mut overlay = gossip.subscribe(node::NETWORK.into(), Vec::new())?;
    let peer = NodeAddress {
        public_key: key.public_key(),
        direct_addresses: endpoint
            .node_addr()
            .await?
            .direct_addresses
            .into_iter()
            .collect(),
        relay_url: None,
    };
    while let Some(event) = run.next().await? {
        let node = node::loopback(run.key()).build().await?;
        let _subscription = node::subscribe(&node, Topic(run.random())).await?;
        node.add_peer(peer.clone()).await?;
        let knocks = knock(&endpoint).await?;
        time::advance(SLEEP).await;
        sleep(STEP * (1 + event % STEPS) as u32).await;
        gossip.handle_connection(knocks).await?;
        owed("an announcement of its topics", announcement(&mut overlay)).await?;
        node.shutdown().await?;
    }
    endpoint.close().await;
    Ok(())
}

/// The next connection, of which gossip hears nothing yet.
async fn knock(endpoint: &Endpoint) -> Result<Connection> {
    let incoming = endpoint.accept().await.context("the peer has stopped")?;
    Ok(incoming.await?)
}

/// Waits for what a node says in the network's overlay.
async fn announcement(overlay: &mut GossipTopic) -> Result<()> {
    loop {
        let event = overlay.next().await.context("the overlay has ended")??;
        if let Event::Gossip(GossipEvent::Received(_)) = event {
            return Ok(());
        }
    }
}
