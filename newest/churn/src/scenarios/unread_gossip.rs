//! A topic that a node has joined and nobody there listens to.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use p2panda_core::Topic;
use p2panda_net::gossip::PlumTreeConfig;

use super::{AT_REST, Quick, Scenario};
use crate::owed::owed_within;
use crate::panda::{PATIENCE, Panda, Settings, by_the_systems_clock};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "unread-gossip",
    about: "A p2panda node is told something in a topic that it does not listen to, and then in one that it does",
    event: "message that nobody read, and one that was heard",
    defects: &["gossip-manager-dies"],
    // Settled, by the system's clock: past the time for which a message is remembered here.
    quick: Quick {
        settle_ms: 100,
        seconds_max: 12,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(say_to_nobody(run)),
};

/// How long a message is remembered. By default that is a minute and a half, longer than a run.
const REMEMBERED: Duration = Duration::from_millis(40);

async fn say_to_nobody(run: &mut Run) -> Result<()> {
    by_the_systems_clock();
    let listens = Panda::spawn_with(run.random(), forgetful()).await?;
    let speaks = Panda::spawn_with(run.random(), forgetful()).await?;
    let [unread, read] = [(); 2].map(|()| Topic::from(run.random()));
    let _unread = listens.gossip.stream(unread).await?;
    let mut heard = listens.gossip.stream(read).await?.subscribe();
    speaks.meet(&listens).await?;
    let unread = speaks.gossip.stream(unread).await?;
    let read = speaks.gossip.stream(read).await?;

    while run.next().await?.is_some() {
        unread.publish(run.random::<32>()).await?;
        let words = run.random::<32>();
        read.publish(words).await?;
        owed_within(PATIENCE, "what is said where somebody listens", async {
            while heard.next().await.context("the topic has ended")?? != words {}
            Ok(())
        })
        .await?;
    }
    Ok(())
}

fn forgetful() -> Settings {
    let mut settings = Settings::default();
    settings.gossip.broadcast = PlumTreeConfig {
        message_cache_retention: REMEMBERED,
        message_id_retention: REMEMBERED,
        cache_evict_interval: REMEMBERED / 2,
        ..PlumTreeConfig::default()
    };
    settings
}
