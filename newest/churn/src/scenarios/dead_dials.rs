//! A node is told of peers that are not there any more.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, ensure};
use iroh::EndpointAddr;
use iroh_gossip::ALPN;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::Swarm;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "dead-dials",
    about: "A node is asked to join peers that have gone: each dial fails, and the peer is never heard of again",
    event: "peer that was dialled and not there",
    defects: &["pending-undialable", "addr-map-grows"],
    // Settled: past the time after which a dial is given up.
    quick: Quick {
        events: 240,
        samples: 49,
        warmup_events: 80,
        settle_ms: 60_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 256.0,
    run: |run| Box::pin(dial(run)),
};

/// Peers that are looked for before the first sample and have no address: as many as the fork remembers of those that it has
/// no connection with.
const SOUGHT_BEFORE: u64 = 4_096;

/// How far apart two dials begin.
const BETWEEN: Duration = Duration::from_secs(2);

/// After that every dial has been given up, and nothing runs any more for a peer that was sought.
const SETTLED: Duration = Duration::from_secs(120);

async fn dial(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key(), run.key()], HyparviewConfig::default()).await?;
    run.watch(&swarm);
    let topic = TopicId::from_bytes(run.random());
    let [here, neighbour] = &swarm.nodes[..] else {
        unreachable!("two keys, two nodes");
    };
    let _stays = neighbour.join(topic, &[]).await?;
    let sender = here.join(topic, &[neighbour]).await?;
    for _ in 0..SOUGHT_BEFORE {
        let sought = EndpointAddr::new(run.key().public());
        let found = here.endpoint.connect(sought, ALPN).await;
        ensure!(found.is_err(), "somebody without an address was found");
    }
    sleep(SETTLED).await;
    // Bound and never read: whoever is here says nothing, and nobody else gets the port.
    let silent = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let nowhere = silent.local_addr()?;

    while run.next().await?.is_some() {
        let gone = run.key().public();
        here.addresses
            .add_endpoint_info(EndpointAddr::new(gone).with_ip_addr(nowhere));
        sender.join_peers(vec![gone]).await?;
        sleep(BETWEEN).await;
        here.addresses.remove_endpoint_info(gone);
    }
    sleep(SETTLED).await;
    swarm.check_links()?;
    swarm.shutdown().await
}
