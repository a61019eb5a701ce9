//! What becomes of a QUIC endpoint, and of who waits on it, when it is used in a way that is rare and allowed.

use std::sync::Arc;

use anyhow::{Context, Result};
use iroh_quinn::TokioRuntime;
use iroh_quinn_proto as proto;
use rustls::RootCertStore;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::bytes::BytesMut;

use super::driver_lost::Abortable;
use super::{AT_REST, FEW, Quick, Scenario};
use crate::loopback::is_refused;
use crate::owed::{outlives, serves};
use crate::quic::iroh_quinn::Pair;
use crate::quic::{self, PEER, knock, offer};
use crate::run::Run;

pub const FAILED_CONNECTS: Scenario = Scenario {
    name: "failed-connects",
    about: "An application of iroh-quinn-proto connects to names that are none, which fails at once",
    event: "attempt failed",
    defects: &["connect-leaks-cid"],
    quick: Quick {
        events: 9_600,
        warmup_events: 960,
        ..AT_REST
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(fail_to_connect(run)),
};

pub const BATCHED_DATAGRAMS: Scenario = Scenario {
    name: "batched-datagrams",
    about: "Tiny datagrams come for an attempt that waits at an endpoint of iroh-quinn-proto, each received in a batch of 64 KiB",
    event: "datagram received",
    defects: &["incoming-bytes-undercount"],
    quick: Quick {
        events: 960,
        warmup_events: 480,
        ..AT_REST
    },
    // The datagram stays, as it must: its own bytes, and what says where it came from.
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(receive_batches(run)),
};

pub const WITHDRAWN_CONFIG: Scenario = Scenario {
    name: "withdrawn-config",
    about: "An endpoint of iroh-quinn-proto ceases to be a server and becomes one again, while an attempt waits and knocks anew",
    event: "configuration withdrawn, and a packet received",
    defects: &["server-config-none-panics"],
    quick: Quick {
        events: 4_800,
        warmup_events: 480,
        ..AT_REST
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(withdraw_config(run)),
};

pub const REBOUND_SERVER: Scenario = Scenario {
    name: "rebound-server",
    about: "A server of iroh-quinn that has nothing to do is given another socket, and a client connects to it there",
    event: "server rebound, and reached",
    defects: &["rebind-leaves-the-endpoint-deaf"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(rebind(run)),
};

pub const LOST_ENDPOINT: Scenario = Scenario {
    name: "lost-endpoint",
    about: "An endpoint of iroh-quinn loses its driver, as when its task is aborted, and its application waits until it is idle",
    event: "driver lost, and waiting ended",
    defects: &["wait-idle-hangs"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(lose_endpoints(run)),
};

pub const CLOSED_QUEUE: Scenario = Scenario {
    name: "closed-queue",
    about: "A server of iroh-quinn closes while a client waits to be accepted; it offers the client no more, and tells it at once",
    event: "server closed, and its client told",
    defects: &["close-keeps-the-queue"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(close_with_queue(run)),
};

/// Past the few seconds in which a closed connection drains.
const DRAINED: Duration = Duration::from_secs(10);

async fn fail_to_connect(run: &mut Run) -> Result<()> {
    let (cert, _) = quic::certificate()?;
    let mut roots = RootCertStore::empty();
    roots.add(cert)?;
    let trusting = proto::ClientConfig::with_root_certificates(Arc::new(roots))?;
    let mut endpoint = quic::endpoint(None);
    let now = Instant::now().into_std();
    while run.next().await?.is_some() {
        let connected = endpoint.connect(now, trusting.clone(), PEER, "no name at all");
        connected.err().context("it is no name")?;
    }
    Ok(())
}

async fn receive_batches(run: &mut Run) -> Result<()> {
    const BATCH: usize = 64 * 1024;
    const ROOM: u64 = 1024;
    let mut config = quic::server_config()?;
    // Room for all of them: what each one pins decides.
    config.incoming_buffer_size(ROOM * run.events());
    let mut endpoint = quic::endpoint(Some(Arc::new(config)));
    let (_waits, first) = knock(&mut endpoint, 0).context("it hears nobody")?;
    let tiny = early_packet(&first);
    while run.next().await?.is_some() {
        let mut batch = BytesMut::zeroed(BATCH);
        batch[..TINY].copy_from_slice(&tiny);
        offer(&mut endpoint, batch.split_to(TINY));
    }
    Ok(())
}

async fn withdraw_config(run: &mut Run) -> Result<()> {
    let config = Arc::new(quic::server_config()?);
    let mut endpoint = quic::endpoint(Some(config.clone()));
    while let Some(event) = run.next().await? {
        let (incoming, packet) = knock(&mut endpoint, event).context("it hears nobody")?;
        endpoint.set_server_config(None);
        outlives(|| offer(&mut endpoint, packet[..].into()))?;
        endpoint.set_server_config(Some(config.clone()));
        endpoint.ignore(incoming);
    }
    Ok(())
}

async fn rebind(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    while run.next().await?.is_some() {
        sleep(DRAINED).await;
        pair.server.rebind(quic::socket()?)?;
        serves(async {
            let (client, server) = pair.connect().await?;
            client.close(0_u32.into(), b"");
            server.closed().await;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn lose_endpoints(run: &mut Run) -> Result<()> {
    while run.next().await?.is_some() {
        let runtime = Arc::new(Abortable::default());
        let pair = Pair::new(runtime.clone())?;
        // The client was made last.
        let driver = runtime.take_last().context("no driver was spawned")?;
        let (_client, server) = pair.connect().await?;
        driver.abort();
        serves(async {
            pair.client.wait_idle().await;
            Ok(())
        })
        .await?;
        server.close(0_u32.into(), b"");
    }
    Ok(())
}

async fn close_with_queue(run: &mut Run) -> Result<()> {
    while run.next().await?.is_some() {
        let pair = Pair::new(Arc::new(TokioRuntime))?;
        let connecting = pair
            .client
            .connect(pair.server.local_addr()?, "localhost")?;
        // Time for its first packet.
        sleep(Duration::from_millis(10)).await;
        pair.server.close(0_u32.into(), b"");
        serves(is_refused(pair.server.accept(), connecting)).await?;
    }
    Ok(())
}

/// Bytes of an [`early_packet`].
const TINY: usize = 20;

/// A packet of early data for the attempt that began with this one: its version and id, and next to nothing behind them.
fn early_packet(first: &[u8]) -> [u8; TINY] {
    let mut packet = [0; TINY];
    packet[0] = 0xd0;
    packet[1..14].copy_from_slice(&first[1..14]);
    // No id of its own, and four bytes more.
    packet[15] = 4;
    packet
}
