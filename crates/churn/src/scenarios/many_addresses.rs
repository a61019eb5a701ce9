//! An endpoint of iroh is told where a peer is, and the peer has moved each time.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use iroh::{NodeAddr, SecretKey};

use super::{AT_REST, Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "many-addresses",
    about: "An endpoint of iroh is told of ever new addresses of one peer, which it never connects to",
    event: "address told",
    defects: &["node-addresses"],
    // Untouched, each address costs a look at all that came before it.
    quick: Quick {
        events: 2_400,
        warmup_events: 240,
        ..AT_REST
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(tell_of_addresses(run)),
};

async fn tell_of_addresses(run: &mut Run) -> Result<()> {
    let endpoint = node::endpoint(&run.key()).await?;
    let peer = SecretKey::from_bytes(&run.random()).public();
    while let Some(event) = run.next().await? {
        // Of the loopback network, where nobody is asked for anything: telling sends nothing.
        let [_, a, b, c] = u32::try_from(event)?.to_be_bytes();
        let told = SocketAddr::from((Ipv4Addr::new(127, a, b, c), 4433));
        endpoint.add_node_addr(NodeAddr::from_parts(peer, None, [told]))?;
    }
    endpoint.close().await;
    Ok(())
}
