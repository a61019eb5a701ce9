//! Local discovery in a process that has run out of descriptors.

use std::time::Duration;

use anyhow::Result;
use p2panda_discovery::Discovery;
use p2panda_discovery::mdns::LocalDiscovery;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::sleep;

use super::{AT_REST, Scenario};
use crate::owed::outlives;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "no-descriptors",
    about: "Local discovery is started, subscribed to and dropped where there is no descriptor left for its socket",
    event: "local discovery started, subscribed to for 12 s and dropped",
    defects: &["mdns-socket-blocks"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(discover(run)),
};

/// Past the second attempt at a socket, which comes after 5 s.
const LISTENS: Duration = Duration::from_secs(12);

/// Networks that are listened for at the same time.
const NETWORKS: usize = 8;

async fn discover(run: &mut Run) -> Result<()> {
    while run.next().await?.is_some() {
        let _none = NoDescriptors::left()?;
        let discovery = outlives(LocalDiscovery::new)?;
        let networks: Vec<_> = (0..NETWORKS)
            .map(|_| discovery.subscribe(run.random()))
            .collect();
        sleep(LISTENS).await;
        drop(networks);
        drop(discovery);
        // The task that was ended goes when the runtime next comes to it.
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// As long as it is there, this process gets no descriptor, and so no socket: nothing is sent to a network either.
struct NoDescriptors(Rlimit);

impl NoDescriptors {
    fn left() -> Result<Self> {
        let before = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, none)?;
        Ok(Self(before))
    }
}

impl Drop for NoDescriptors {
    fn drop(&mut self) {
        // What was allowed before is allowed again.
        setrlimit(Resource::Nofile, self.0).ok();
    }
}
