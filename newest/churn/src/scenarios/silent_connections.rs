//! Connections to a node's protocols on which nothing more is said.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use iroh::endpoint::{Connection, QuicTransportConfig};
use iroh::protocol::{AcceptError, ProtocolHandler};
use p2panda_core::Topic;
use p2panda_net::Discovery;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::owed::owed_within;
use crate::panda::{PATIENCE, Panda, SYNC_PROTOCOL, Settings, by_the_systems_clock};
use crate::run::Run;

pub const CONNECTIONS: Scenario = Scenario {
    name: "silent-connections",
    about: "A peer opens connections to a p2panda node's sync, names no topic, and keeps them alive",
    event: "silent connection opened",
    defects: &["accepts-without-limit-07"],
    quick: QUICK,
    budget_bytes_per_event: 8_192.0,
    run: |run| Box::pin(name_no_topic(run)),
};

pub const DISCOVERIES: Scenario = Scenario {
    name: "silent-discoveries",
    about: "A peer opens connections to a p2panda node's discovery, begins no session, and keeps them alive",
    event: "silent connection opened",
    defects: &["accepts-without-limit-07"],
    quick: QUICK,
    budget_bytes_per_event: 8_192.0,
    run: |run| Box::pin(begin_no_session(run)),
};

pub const BUSY_HANDLER: Scenario = Scenario {
    name: "busy-handler",
    about: "A p2panda node registers a protocol while a connection is with the handler of another one",
    event: "protocol registered beside a connection",
    defects: &["accepts-without-limit-07"],
    quick: QUICK,
    budget_bytes_per_event: 2_048.0,
    run: |run| Box::pin(register_meanwhile(run)),
};

/// Settled by the system's clock.
const QUICK: Quick = Quick {
    events: 240,
    samples: 49,
    warmup_events: 80,
    settle_ms: 20,
    seconds_max: 12,
};

/// What a node's discovery goes by among its protocols.
const DISCOVERY_PROTOCOL: &[u8] = b"p2panda/confidential_discovery/v1";

async fn name_no_topic(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let node = Panda::spawn_with(run.random(), few_places()).await?;
    let sync = node.sync().await?;
    let _stream = sync.stream(Topic::from(run.random()), true).await?;
    be_silent(run, &node, SYNC_PROTOCOL).await
}

async fn begin_no_session(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let node = Panda::spawn(run.random()).await?;
    let discovery = Discovery::builder(node.book.clone(), node.endpoint.clone());
    let discovery = discovery.spawn().await?;
    // Comes after the message by which it registers its protocol.
    discovery.metrics().await?;
    be_silent(run, &node, DISCOVERY_PROTOCOL).await
}

/// Few enough to be taken within a short run, each for less time than it takes.
fn few_places() -> Settings {
    #[cfg(feature = "fork")]
    let settings = {
        let mut settings = Settings::default();
        settings.accepts.max_connections = 16;
        settings.accepts.handshake_timeout = Duration::from_millis(500);
        settings
    };
    #[cfg(not(feature = "fork"))]
    let settings = Settings::default();
    settings
}

/// Has a peer open a connection an event and hold it, and at the end has another one be heard.
async fn be_silent(run: &mut Run, node: &Panda, protocol: &[u8]) -> Result<()> {
    // As long as places may be taken
    const ALL_FREE: Duration = Duration::from_secs(1);
    // As it is here. An attempt that is refused ends nine times that later, and by default it is a third of a second.
    const RTT: Duration = Duration::from_millis(1);
    node.endpoint.endpoint().await?;
    let silent = Panda::spawn(run.random()).await?;
    silent.meet(node).await?;
    let mut held = Vec::new();
    let mut opened = 0;
    while run.next().await?.is_some() {
        // Both ends are in this process: what the node closes goes here, too.
        held.retain(|held: &Connection| held.close_reason().is_none());
        let connecting = silent.endpoint.connect_with_config(
            node.id(),
            protocol,
            QuicTransportConfig::builder().initial_rtt(RTT).build(),
        );
        // A node without a place left refuses it.
        if let Ok(connection) = connecting.await {
            opened += 1;
            held.push(connection);
        }
    }
    ensure!(opened > 0, "not one connection was accepted");
    sleep(ALL_FREE).await;
    let honest = Panda::spawn(run.random()).await?;
    honest.meet(node).await?;
    owed_within(PATIENCE, "a connection of an honest peer", async {
        Ok(honest.endpoint.connect(node.id(), protocol).await?)
    })
    .await?;
    Ok(())
}

async fn register_meanwhile(run: &mut Run) -> Result<()> {
    const BUSY: &[u8] = b"busy";
    const ANOTHER: &[u8] = b"another";
    by_the_systems_clock();
    let node = Panda::spawn(run.random()).await?;
    let busy = Busy::default();
    node.endpoint.accept(BUSY, busy.clone()).await?;
    let peer = Panda::spawn(run.random()).await?;
    peer.meet(&node).await?;
    while run.next().await?.is_some() {
        let connection = peer.endpoint.connect(node.id(), BUSY).await?;
        busy.0.notified().await;
        node.endpoint.accept(ANOTHER, busy.clone()).await?;
        owed_within(PATIENCE, "an answer of the endpoint", async {
            Ok(node.endpoint.endpoint().await?)
        })
        .await?;
        connection.close(0u32.into(), b"");
    }
    Ok(())
}

/// A handler that takes as long as the connection is there, and says when it begins.
#[derive(Clone, Debug, Default)]
struct Busy(Arc<Notify>);

impl ProtocolHandler for Busy {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        self.0.notify_one();
        connection.closed().await;
        Ok(())
    }
}
