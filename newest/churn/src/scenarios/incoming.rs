//! Connection attempts that an application of noq drops as they come, or does not look at for a long while.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use noq::TokioRuntime;
use noq_proto::{DatagramEvent, Endpoint, FourTuple, TransportConfig};
use tokio::time::Instant;

use super::{AT_REST, Quick, Scenario};
use crate::loopback::{first_packets, keep_knocking};
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

/// Where a peer is that speaks through no socket.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4433);

async fn drop_each(run: &mut Run) -> Result<()> {
    let (_, server) = quic::configs(TransportConfig::default())?;
    let mut endpoint = Endpoint::new(Arc::default(), Some(Arc::new(server)), true);
    while let Some(event) = run.next().await? {
        let now = Instant::now().into_std();
        let offered = first_packets(event).find_map(|packet| {
            let path = FourTuple::new(PEER, None);
            match endpoint.handle(now, path, None, packet[..].into(), &mut Vec::new()) {
                Some(DatagramEvent::NewConnection(incoming)) => Some(incoming),
                _ => None,
            }
        });
        let deaf = || Dead("deaf to whoever knocks".into());
        drop(offered.ok_or_else(deaf)?);
    }
    Ok(())
}

async fn accept_nobody(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    keep_knocking(run, pair.server.local_addr()?).await?;
    serves(async { pair.connect().await.map(drop) }).await
}
