//! A router of iroh alone, one of whose protocols panics.

use std::panic;

use anyhow::{Context, Result};
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler, Router};
use tokio::time::timeout;

use super::{FEW, Scenario};
use crate::node;
use crate::owed::{PATIENCE, serves};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "panicking-router",
    about: "A stranger connects to a protocol of an iroh router whose handler panics, and an honest peer to another one",
    event: "handler panicked, and an honest peer greeted",
    defects: &["router-panics-101"],
    // Settled: past the few seconds in which a closed connection drains, but not the minute after which iroh forgets who was
    // there: what its maps drop goes many at a time.
    quick: FEW,
    // An endpoint remembers the tokens that peers come back with, up to 20 MiB of them.
    budget_bytes_per_event: 128.0,
    run: |run| Box::pin(have_handlers_panic(run)),
};

const PANICS: &[u8] = b"/churn-panics/0";
const GREETS: &[u8] = b"/churn-greets/0";

async fn have_handlers_panic(run: &mut Run) -> Result<()> {
    let router = Router::builder(node::endpoint(run.key(), MemoryLookup::new()).await?)
        .accept(PANICS, Panics)
        .accept(GREETS, Greets)
        .spawn();
    let address = node::address(router.endpoint());
    let stranger = node::endpoint(run.key(), MemoryLookup::new()).await?;
    let honest = node::endpoint(run.key(), MemoryLookup::new()).await?;
    while run.next().await?.is_some() {
        let connection = stranger.connect(address.clone(), PANICS).await?;
        // Until the handler is gone.
        let _ = timeout(PATIENCE, connection.closed()).await;
        serves(async {
            let connected = honest.connect(address.clone(), GREETS).await;
            let connection = connected.context("the honest peer cannot connect")?;
            let greeting = connection.accept_uni().await;
            greeting.context("nobody greets")?;
            connection.close(0u32.into(), b"");
            Ok(())
        })
        .await?;
    }
    stranger.close().await;
    honest.close().await;
    router.shutdown().await.context("the router has failed")
}

/// A handler of which nothing is left once it has panicked.
#[derive(Debug)]
struct Panics;

impl ProtocolHandler for Panics {
    async fn accept(&self, _connection: Connection) -> Result<(), AcceptError> {
        // A panic, but for the message on stderr.
        panic::resume_unwind(Box::new("as a handler does whose application is gone"));
    }
}

/// A handler that says something and waits for the peer to go.
#[derive(Debug)]
struct Greets;

impl ProtocolHandler for Greets {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let mut greeting = connection.open_uni().await?;
        let said = greeting.write_all(b"hello").await;
        said.map_err(AcceptError::from_err)?;
        greeting.finish().map_err(AcceptError::from_err)?;
        connection.closed().await;
        Ok(())
    }
}
