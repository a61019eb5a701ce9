//! A router of iroh alone, one of whose protocols panics.

use std::panic;
use std::pin::Pin;

use anyhow::{Context, Result};
use iroh::endpoint::Connection;
use iroh::protocol::{ProtocolHandler, Router};
use tokio::time::timeout;

use super::{FEW, Scenario};
use crate::node;
use crate::owed::{PATIENCE, serves};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "panicking-protocol",
    about: "A stranger connects to a protocol of an iroh router whose handler panics, and an honest peer to another one",
    event: "handler panicked, and an honest peer greeted",
    defects: &[
        "router-panics-with-handler",
        "rtt-actor-streams",
        "weak-handle-pins-connection",
    ],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(have_handlers_panic(run)),
};

const PANICS: &[u8] = b"/churn-panics/0";
const GREETS: &[u8] = b"/churn-greets/0";

async fn have_handlers_panic(run: &mut Run) -> Result<()> {
    let router = Router::builder(node::endpoint(&run.key()).await?)
        .accept(PANICS, Panics)
        .accept(GREETS, Greets)
        .spawn()
        .await?;
    let address = router.endpoint().node_addr().await?;
    let stranger = node::endpoint(&run.key()).await?;
    let honest = node::endpoint(&run.key()).await?;
    while run.next().await?.is_some() {
        let connection = stranger.connect(address.clone(), PANICS).await?;
        // Until the handler is gone.
        let _ = timeout(PATIENCE, connection.closed()).await;
        serves(async {
            let connection = honest.connect(address.clone(), GREETS).await?;
            let greeting = connection.accept_uni().await;
            greeting.context("nobody greets")?;
            connection.close(0_u32.into(), b"");
            Ok(())
        })
        .await?;
    }
    stranger.close().await;
    honest.close().await;
    router.shutdown().await
}

/// A handler of which nothing is left once it has panicked.
#[derive(Debug)]
struct Panics;

impl ProtocolHandler for Panics {
    fn accept(&self, connection: Connection) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            let _connection = connection;
            // A panic, but for the message on stderr.
            panic::resume_unwind(Box::new("as a handler does whose application is gone"));
        })
    }
}

/// A handler that says something and waits for the peer to go.
#[derive(Debug)]
struct Greets;

impl ProtocolHandler for Greets {
    fn accept(&self, connection: Connection) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(async move {
            let mut greeting = connection.open_uni().await?;
            greeting.write_all(b"hello").await?;
            greeting.finish()?;
            connection.closed().await;
            Ok(())
        })
    }
}
