//! A peer sends messages of a sync session that never end, and others go on syncing.

use std::time::Duration;

use anyhow::{Context, Result};
use iroh::endpoint::{Connection, RecvStream, SendStream};
use iroh::{Endpoint, NodeAddr};
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;
use crate::session::{self, Hub};

pub const SCENARIO: Scenario = Scenario {
    name: "sync-frames",
    about: "A peer sends more and more of a message that announces 64 MiB, on a new connection whenever it is refused",
    event: "8 KiB sent, and a session of an honest peer",
    // The connections of both, and then the frames.
    defects: &[
        "cbor-frames-unbounded",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    // Settled: past the few seconds in which a closed connection drains. Few events, as the untouched node parses all that it
    // has of the message each time.
    quick: Quick {
        events: 288,
        samples: 49,
        warmup_events: 96,
        settle_ms: 10_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(drip(run)),
};

/// A "data" message whose header is a list of 64 Mi numbers:
/// `{"type": "Data", "value": [[0, 0, …`.
const HEAD: &[u8] = b"\xa2\x64type\x64Data\x65value\x82\x9a\x04\x00\x00\x00";

/// That many of the numbers.
const PART: &[u8] = &[0; 8 * 1024];

/// After how long without an answer a node has nothing against what was sent.
const PATIENCE: Duration = Duration::from_secs(1);

async fn drip(run: &mut Run) -> Result<()> {
    let mut hub = Hub::start(run).await?;

    let (honest, dripping) = (run.key(), run.key());
    let visitor = node::endpoint(&honest).await?;
    let attacker = node::endpoint(&dripping).await?;
    let mut message = None;
    while let Some(event) = run.next().await? {
        message = send_more(message, &attacker, &hub.address).await?;

        hub.sync(&visitor, &honest)
            .await
            .with_context(|| format!("session {event}"))?;
        hub.subscription.ignore();
    }

    attacker.close().await;
    visitor.close().await;
    hub.node.shutdown().await
}

/// A message under way.
struct Message {
    connection: Connection,
    send: SendStream,
    _receive: RecvStream,
}

/// Sends the next part of a message, or the first of a new one, and returns what it is part of unless that is refused.
async fn send_more(
    message: Option<Message>,
    from: &Endpoint,
    hub: &NodeAddr,
) -> Result<Option<Message>> {
    let (mut message, head) = match message {
        Some(message) => (message, &[][..]),
        None => {
            let connection = from.connect(hub.clone(), session::ALPN).await?;
            let (send, _receive) = connection.open_bi().await?;
            let message = Message {
                connection,
                send,
                _receive,
            };
            (message, HEAD)
        }
    };
    for part in [head, PART] {
        if message.send.write_all(part).await.is_err() {
            return Ok(None);
        }
    }
    let refused = timeout(PATIENCE, message.connection.closed()).await.is_ok();
    Ok((!refused).then_some(message))
}
