//! A peer that lacks more and more of a log, and takes nothing of what it is sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::io::Cursor;
use futures_util::sink::{self, Sink, SinkExt};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite};
use p2panda_sync::{SyncError, SyncProtocol};
use tokio::time::timeout;

use super::{Quick, Scenario};
use crate::log::{LOG, Log};
use crate::node::Topic;
use crate::run::Run;
use crate::session::Said;

pub const SCENARIO: Scenario = Scenario {
    name: "sync-delta",
    about: "A peer asks for a log and then reads nothing, each time as if it had one operation of 16 KiB less",
    event: "session in which one more operation is lacking, held while the sample is taken",
    defects: &["log-sync-loads-whole-delta"],
    // Warm: what the peer lacks is more than the mebibyte that is read of a log at a time.
    quick: Quick {
        events: 240,
        samples: 49,
        warmup_events: 96,
        settle_ms: 0,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(lack_more(run)),
};

/// Bytes of an operation.
const OPERATION: usize = 16 * 1024;

async fn lack_more(run: &mut Run) -> Result<()> {
    let (topic, key) = (Topic(run.random()), run.key());
    let author = key.public_key();
    let mut log = Log::new(key);
    for _ in 0..=run.events() {
        log.append(&run.random::<OPERATION>()).await?;
    }
    let protocol = Arc::new(log.protocol());
    let mut event = run.next().await?;
    while let Some(number) = event {
        let has = run.events() - 1 - number;
        let have = Said::Have(topic, vec![(author, vec![(LOG, has)])]);
        let mut send = Stalled;
        let mut receive = Cursor::new(have.to_bytes()?).chain(Stalled);
        let mut synced = sink::drain().sink_map_err(|never| match never {});
        let synced: &mut (dyn Sink<_, Error = SyncError> + Send + Unpin) = &mut synced;
        let mut session = protocol.clone().accept(
            Box::new(&mut send),
            Box::new(&mut receive),
            Box::new(synced),
        );
        let ended = timeout(Duration::from_millis(1), &mut session).await;
        ensure!(ended.is_err(), "the peer was sent all: {ended:?}");
        // What is due now is sampled while the session waits.
        event = run.next().await?;
    }
    Ok(())
}

/// A stream of a peer that neither says anything nor listens.
struct Stalled;

impl AsyncRead for Stalled {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Stalled {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
