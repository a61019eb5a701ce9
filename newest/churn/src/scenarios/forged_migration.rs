//! A connection of noq-proto, and somebody who has the server believe that the client is elsewhere. Both ends are in memory, and
//! time is their own.

use std::time::Duration;

use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{AT_REST, Quick, Scenario};
use crate::network::Network;
use crate::run::{Dead, Run};

pub const SCENARIO: Scenario = Scenario {
    name: "forged-migration",
    about: "What a client of noq-proto acknowledges is copied and comes from elsewhere, and then the server has something to say",
    event: "acknowledgements copied, and the server heard",
    defects: &["noq-failed-migration"],
    // So often that bytes that stayed in flight would fill the congestion window: some 8,000 times at full size.
    quick: Quick {
        events: 2_400,
        warmup_events: 800,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(copy(run)),
};

/// By then what the server said is acknowledged, and the client has nothing under way, so that it says nothing by itself.
const COPIED: Duration = Duration::from_millis(200);

/// By then an address where nobody answers is given up, and what was sent there has been sent again.
const ANSWERED: Duration = Duration::from_secs(10);

async fn copy(run: &mut Run) -> Result<()> {
    let mut network = Network::connected_in_silence(StdRng::from_seed(run.random()))?;
    while run.next().await?.is_some() {
        let heard = network.heard_by_the_client();
        network.is_copied = true;
        network.tell_the_client();
        network.run(COPIED);
        network.is_copied = false;
        network.tell_the_client();
        network.run(ANSWERED);
        if network.heard_by_the_client() < heard + 2 {
            return Err(Dead("the server speaks to where nobody answers".into()).into());
        }
    }
    Ok(())
}
