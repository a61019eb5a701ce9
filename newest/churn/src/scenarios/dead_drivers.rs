//! Drivers of noq that end before what they drive does, as when their task is aborted, and what is left to who has a handle.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::FutureExt;
use noq::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use tokio::task::AbortHandle;
use tokio::time::{Duration, sleep};

use super::{FEW, Scenario};
use crate::owed::owed;
use crate::quic::Pair;
use crate::run::Run;

pub const DEAD_DRIVERS: Scenario = Scenario {
    name: "dead-drivers",
    about: "A server of noq loses the driver of each connection, while two tasks wait: for a datagram, and for the end",
    event: "connection opened, and its driver lost",
    defects: &["noq-dead-driver"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(lose_drivers(run)),
};

pub const ENDED_ENDPOINTS: Scenario = Scenario {
    name: "ended-endpoints",
    about: "A server of noq loses the driver of its one connection, closes, and accepts an attempt too late; its application waits",
    event: "driver lost, server closed, and waiting ended",
    defects: &["noq-dead-driver"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(end_endpoints(run)),
};

async fn lose_drivers(run: &mut Run) -> Result<()> {
    let runtime = Arc::new(Abortable::default());
    let pair = Pair::new(runtime.clone())?;
    while run.next().await?.is_some() {
        let (client, server) = pair.connect().await?;
        runtime.abort_last()?;
        let reader = server.clone();
        tokio::spawn(async move { reader.read_datagram().await });
        tokio::spawn(async move { server.closed().await });
        client.send_datagram(b"for whoever reads it"[..].into())?;
        client.close(0_u32.into(), b"");
    }
    Ok(())
}

async fn end_endpoints(run: &mut Run) -> Result<()> {
    while run.next().await?.is_some() {
        let runtime = Arc::new(Abortable::default());
        let pair = Pair::new(runtime.clone())?;
        let (_client, lost) = pair.connect().await?;
        runtime.abort_last()?;
        drop(lost);
        let drained = pair.server.wait_all_draining();
        owed("that none drains any more", drained.map(Ok)).await?;
        let _late = pair.knock()?;
        let incoming = pair.server.accept().await;
        let incoming = incoming.context("the server has stopped")?;
        pair.server.close(0_u32.into(), b"");
        // Until its driver has ended.
        sleep(Duration::from_millis(10)).await;
        let _accepted = incoming.accept();
        owed("an endpoint that is idle", pair.server.wait_idle().map(Ok)).await?;
    }
    Ok(())
}

/// Tokio's runtime, of which what it spawned last can be aborted.
#[derive(Debug, Default)]
struct Abortable(Mutex<Option<AbortHandle>>);

impl Abortable {
    fn abort_last(&self) -> Result<()> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        last.context("no driver was spawned")?.abort();
        Ok(())
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

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Box<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}
