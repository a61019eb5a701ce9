//! Connection attempts that an application of the protocol alone drops as they come.

use std::sync::Arc;

use anyhow::Result;

use super::{AT_REST, Quick, Scenario};
use crate::quic;
use crate::run::{Dead, Run};

pub const SCENARIO: Scenario = Scenario {
    name: "incoming-dropped",
    about: "Strangers knock at an endpoint of iroh-quinn-proto, whose application drops each attempt unanswered",
    event: "attempt dropped",
    defects: &["incoming-leaks-when-dropped"],
    // Four times that is still fewer than the 65,536 that make the untouched endpoint deaf, so that it is seen to grow.
    quick: Quick {
        events: 16_000,
        warmup_events: 2_000,
        ..AT_REST
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(drop_each(run)),
};

async fn drop_each(run: &mut Run) -> Result<()> {
    let mut endpoint = quic::endpoint(Some(Arc::new(quic::server_config()?)));
    while let Some(event) = run.next().await? {
        let offered = quic::knock(&mut endpoint, event);
        let deaf = || Dead("deaf to whoever knocks".into());
        drop(offered.ok_or_else(deaf)?);
    }
    Ok(())
}
