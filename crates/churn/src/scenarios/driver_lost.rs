//! Connections whose driver ends before they do, as when its task is aborted.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use iroh_quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use tokio::task::AbortHandle;

use super::{Quick, Scenario};
use crate::quic::iroh_quinn::Pair;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "driver-lost",
    about: "A server of iroh-quinn loses the driver of each connection, while two tasks wait: for a datagram, and for the end",
    event: "connection opened, and its driver lost",
    defects: &["dead-driver-keeps-queue"],
    // Settled: past the few seconds in which a closed connection drains.
    quick: Quick {
        events: 960,
        samples: 49,
        warmup_events: 320,
        settle_ms: 10_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(lose_drivers(run)),
};

async fn lose_drivers(run: &mut Run) -> Result<()> {
    let runtime = Arc::new(Abortable::default());
    let pair = Pair::new(runtime.clone())?;
    while run.next().await?.is_some() {
        let (client, server) = pair.connect().await?;
        // The client's driver was spawned as it dialled, the server's as it accepted.
        let driver = runtime.take_last().context("no driver was spawned")?;
        driver.abort();
        let reader = server.clone();
        tokio::spawn(async move { reader.read_datagram().await });
        tokio::spawn(async move { server.closed().await });
        client.send_datagram(b"for whoever reads it"[..].into())?;
        client.close(0_u32.into(), b"");
    }
    Ok(())
}

/// Tokio's runtime, of which what it spawned last can be aborted.
#[derive(Debug, Default)]
pub(super) struct Abortable(Mutex<Option<AbortHandle>>);

impl Abortable {
    pub(super) fn take_last(&self) -> Option<AbortHandle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Runtime for Abortable {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let task = tokio::spawn(task).abort_handle();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}
