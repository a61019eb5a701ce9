//! A server of noq that moves to another socket again and again, and turns away whoever comes.

use std::sync::Arc;

use anyhow::{Context, Result};
use noq::TokioRuntime;

use super::{FEW, Scenario};
use crate::loopback::socket;
use crate::owed::serves;
use crate::quic::Pair;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "rebound-endpoint",
    about: "A server of noq is given another socket, refuses a client that comes to it there, and the client is told",
    event: "server rebound, and a client refused",
    defects: &["noq-rebind-answers"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(rebind(run)),
};

async fn rebind(run: &mut Run) -> Result<()> {
    let pair = Pair::new(Arc::new(TokioRuntime))?;
    while run.next().await?.is_some() {
        pair.server.rebind(socket()?)?;
        let connecting = pair.knock()?;
        serves(async {
            let incoming = pair.server.accept().await;
            incoming.context("the server has stopped")?.refuse();
            connecting.await.err().context("it was accepted")?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}
