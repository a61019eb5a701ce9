//! A node is told of peers that are not there any more.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::Result;
use iroh::EndpointAddr;
use iroh_gossip::proto::{HyparviewConfig, TopicId};
use tokio::time::sleep;

use super::{Quick, Scenario};
use crate::node::{SETTLED, Swarm};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "dead-dials",
    about: "A node is asked to join peers that have gone: each dial fails, and the peer is never heard of again",
    event: "peer that was dialled and not there",
    defects: &["pending-undialable", "addr-map-grows"],
    // Settled: past the time after which a dial is given up.
    quick: Quick {
        events: 480,
        samples: 49,
        warmup_events: 160,
        settle_ms: 60_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 256.0,
    run: |run| Box::pin(dial(run)),
};

/// How far apart two dials begin.
const BETWEEN: Duration = Duration::from_secs(2);

async fn dial(run: &mut Run) -> Result<()> {
    let swarm = Swarm::spawn([run.key(), run.key()], HyparviewConfig::default()).await?;
    run.watch(&swarm);
    let topic = TopicId::from_bytes(run.random());
    let [here, neighbour] = &swarm.nodes[..] else {
        unreachable!("two keys, two nodes");
    };
    let _stays = neighbour.join(topic, &[]).await?;
    let sender = here.join(topic, &[neighbour]).await?;
    here.seek_nobodies(run).await?;
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
