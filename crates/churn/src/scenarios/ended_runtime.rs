//! An application lets go of its endpoints, but not of every handle, and a peer keeps the connections alive.

use std::time::Duration;

use anyhow::{Context, Result};
use iroh::endpoint::{Connection, TransportConfig};
use iroh::{Endpoint, NodeAddr};

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "ended-runtime",
    about: "Endpoints of iroh are let go of while a task still waits on a connection that its peer keeps alive; who could choose the runtime they are on ends it",
    event: "endpoint bound, connected and let go of",
    defects: &["runtime-not-settable", "tasks-detached"],
    // So few, that each may keep its descriptors. Settled: past the 30 s after which a peer gives up a connection that has
    // gone silent.
    quick: Quick {
        events: 48,
        samples: 41,
        warmup_events: 12,
        settle_ms: 45_000,
        seconds_max: 12,
    },
    // An event is a whole endpoint.
    budget_bytes_per_event: 16_384.0,
    run: |run| Box::pin(let_go(run)),
};

const ALPN: &[u8] = b"/churn-stays/0";

/// Well within the time after which a silent connection ends.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

async fn let_go(run: &mut Run) -> Result<()> {
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    let server = node::builder(&run.key()).transport_config(transport);
    let server = server.alpns(vec![ALPN.to_vec()]).bind().await?;
    let address = server.node_addr().await?;
    while run.next().await?.is_some() {
        let builder = node::builder(&run.key());
        #[cfg(feature = "fork")]
        let (builder, runtime) = {
            use std::sync::Arc;

            let runtime = tracked_runtime::TrackedRuntime::new(Arc::new(iroh_quinn::TokioRuntime));
            (builder.runtime(Arc::new(runtime.clone())), runtime)
        };
        use_and_drop(builder.bind().await?, &server, address.clone()).await?;
        #[cfg(feature = "fork")]
        {
            runtime.cancel();
            runtime.wait(KEEP_ALIVE).await?;
        }
    }
    server.close().await;
    Ok(())
}

/// Leaves nothing of the endpoint but what waits for the end of a connection.
async fn use_and_drop(endpoint: Endpoint, server: &Endpoint, to: NodeAddr) -> Result<()> {
    let accepting = async {
        let incoming = server.accept().await.context("the server has stopped")?;
        anyhow::Ok(incoming.await?)
    };
    let (here, there) = tokio::try_join!(endpoint.connect(to, ALPN), accepting)?;
    for connection in [here, there] {
        tokio::spawn(wait_for_the_end(connection));
    }
    Ok(())
}

async fn wait_for_the_end(connection: Connection) {
    connection.closed().await;
}
