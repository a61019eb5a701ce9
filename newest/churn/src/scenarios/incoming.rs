//! Connection attempts that an application of noq drops as they come, does not look at for a long while, or leaves behind.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::BytesMut;
use noq::TokioRuntime;
use noq_proto::{DatagramEvent, Endpoint, FourTuple, Incoming, TransportConfig};
use tokio::time::{Instant, sleep, timeout};

use super::{AT_REST, FEW, Quick, Scenario};
use crate::loopback::{AT_ONCE, first_packets, is_refused, keep_knocking, socket};
use crate::owed::serves;
use crate::quic::{self, Pair};
use crate::run::{Dead, Run};

pub const DROPPED: Scenario = Scenario {
    name: "incoming-dropped",
    about: "Strangers knock at an endpoint of noq-proto, whose application drops each attempt unanswered",
    event: "attempt dropped",
    defects: &["noq-incoming"],
    // Four times that is still fewer than the 65,536 that make the untouched endpoint deaf, so that it is seen to grow.
    quick: Quick {
        events: 16_000,
        warmup_events: 2_000,
        ..AT_REST
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(drop_each(run)),
};

pub const UNACCEPTED: Scenario = Scenario {
    name: "incoming-unaccepted",
    about: "Strangers knock at an endpoint of noq that accepts nobody until the end, and then one who is there",
    event: "attempt made (every 10 ms)",
    defects: &["noq-incoming"],
    // Warmed up: the first attempts are older than any may become.
    quick: Quick {
        events: 12_000,
        warmup_events: 4_000,
        seconds_max: 12,
        ..AT_REST
    },
    budget_bytes_per_event: 8.0,
    run: |run| Box::pin(accept_nobody(run)),
};

pub const LATE_ACCEPTS: Scenario = Scenario {
    name: "late-accepts",
    about: "Strangers knock at an endpoint of noq that is busy for a minute, and is to be offered none who has given up by then",
    event: "eight attempts given up",
    defects: &["noq-incoming"],
    quick: Quick {
        settle_ms: 10_000,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(accept_late(run)),
};

pub const CLOSED_QUEUE: Scenario = Scenario {
    name: "closed-queue",
    about: "A server of noq closes while a client waits to be accepted; it offers the client no more, and tells it at once",
    event: "server closed, and its client told",
    defects: &["noq-incoming"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(close_with_queue(run)),
};

pub const BATCHED_DATAGRAMS: Scenario = Scenario {
    name: "batched-datagrams",
    about: "Tiny datagrams come for an attempt that waits at an endpoint of noq-proto, each received in a batch of 64 KiB",
    event: "datagram received",
    defects: &["noq-incoming"],
    quick: Quick {
        events: 960,
        warmup_events: 480,
        ..AT_REST
    },
    // The datagram stays, as it must: its own bytes, and what says where it came from.
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(receive_batches(run)),
};

/// Where a peer is that speaks through no socket.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4433);

async fn drop_each(run: &mut Run) -> Result<()> {
    let (_, server) = quic::configs(TransportConfig::default())?;
    let mut endpoint = Endpoint::new(Arc::default(), Some(Arc::new(server)), true);
    while let Some(event) = run.next().await? {
        let mut packets = first_packets(event);
        let offered = packets.find_map(|packet| offer(&mut endpoint, packet[..].into()));
        let deaf = || Dead("deaf to whoever knocks".into());
        drop(offered.ok_or_else(deaf)?);
    }
    Ok(())
}

/// Hands a datagram of the peer's in: the attempt, if it begins one.
fn offer(endpoint: &mut Endpoint, datagram: BytesMut) -> Option<Incoming> {
    let now = Instant::now().into_std();
    let path = FourTuple::new(PEER, None);
    match endpoint.handle(now, path, None, datagram, &mut Vec::new()) {
        Some(DatagramEvent::NewConnection(incoming)) => Some(incoming),
        _ => None,
    }
}

async fn accept_nobody(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    keep_knocking(run, pair.server.local_addr()?).await?;
    serves(async { pair.connect().await.map(drop) }).await
}

async fn accept_late(run: &mut Run) -> Result<()> {
    const BUSY: Duration = Duration::from_secs(60);
    const STRANGERS: u64 = 8;
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    let stranger = socket()?;
    stranger.connect(pair.server.local_addr()?)?;
    while let Some(event) = run.next().await? {
        for attempt in 0..STRANGERS {
            for packet in first_packets(STRANGERS * event + attempt) {
                stranger.send(&packet)?;
            }
        }
        sleep(BUSY).await;
        let offered = timeout(AT_ONCE, pair.server.accept()).await;
        if let Ok(Some(_late)) = offered {
            return Err(Dead("an attempt is offered that was given up long ago".into()).into());
        }
        serves(async { pair.connect().await.map(drop) }).await?;
    }
    Ok(())
}

async fn close_with_queue(run: &mut Run) -> Result<()> {
    while run.next().await?.is_some() {
        let pair = Pair::new(Arc::new(TokioRuntime))?;
        let connecting = pair.knock()?;
        // Time for its first packet.
        sleep(Duration::from_millis(10)).await;
        pair.server.close(0_u32.into(), b"");
        serves(is_refused(pair.server.accept(), connecting)).await?;
    }
    Ok(())
}

async fn receive_batches(run: &mut Run) -> Result<()> {
    const BATCH: usize = 64 * 1024;
    const ROOM: u64 = 1024;
    let (_, mut server) = quic::configs(TransportConfig::default())?;
    // Room for all of them: what each one pins decides.
    server.incoming_buffer_size(ROOM * run.events());
    let mut endpoint = Endpoint::new(Arc::default(), Some(Arc::new(server)), true);
    let mut packets = first_packets(0);
    let waits = packets.find_map(|packet| {
        let waits = offer(&mut endpoint, packet[..].into())?;
        Some((waits, early_packet(&packet)))
    });
    let (_waits, tiny) = waits.context("it hears nobody")?;
    while run.next().await?.is_some() {
        let mut batch = BytesMut::zeroed(BATCH);
        batch[..TINY].copy_from_slice(&tiny);
        offer(&mut endpoint, batch.split_to(TINY));
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
