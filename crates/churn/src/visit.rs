//! Strangers to a node in another process: they come and go, forge, or flood, for so many seconds of the system's clock.
//!
//! What the scenarios of the same names do to a node of their own, done to one that is watched or limited from outside.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use iroh::NodeAddr;
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_net::NodeAddress;
use serde::Serialize;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout_at};

use crate::gossip::{Gossiper, Overlay};
use crate::member;
use crate::node::{self, NETWORK, Topic};
use crate::protocol;
use crate::scenarios::forged_announcements;

/// Visitors that are there at a time.
const AT_ONCE: usize = 4;

/// How long a visitor waits to be joined and to hear something.
const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes of a message that floods: with what gossip and p2panda-net put around it, close to the 4 KiB of a frame.
const FLOOD_BYTES: usize = 3900;

/// How long an end may take that nobody waits for.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct Visit {
    /// What they do.
    #[arg(value_enum)]
    deed: Deed,
    /// The node's public key in hex.
    #[arg(long)]
    key: String,
    /// Where it is.
    #[arg(long)]
    address: SocketAddr,
    /// For how long.
    #[arg(long)]
    seconds: u64,
    /// Messages a second at most; for those who do not come and go.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// The id of its network, 32 bytes of text [default: that of members].
    #[arg(long)]
    network: Option<String>,
    /// The id of a topic that it is subscribed to, 32 bytes of text [default: that of members].
    #[arg(long)]
    topic: Option<String>,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    /// Four at a time join the topic, say something, hear something, and leave; others follow.
    PeerChurn,
    /// One announces 58 topics each for ever new keys that nobody has.
    ForgedAnnouncements,
    /// One says 3,900 bytes on the topic, never the same.
    GossipFlood,
}

/// The line on stdout, when the time is over.
#[derive(Serialize)]
#[serde(rename = "visited", tag = "type")]
struct Visited {
    deed: Deed,
    /// What was done.
    events: u64,
    /// What was tried and came to nothing: a visitor that heard nobody.
    failures: u64,
    elapsed_ms: u64,
}

/// Visits until the time is over.
///
/// # Errors
///
/// When the arguments name no node, or one that forges or floods cannot join.
pub fn run(visit: &Visit) -> Result<()> {
    let target = Target::of(visit)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = Instant::now();
    let until = started + Duration::from_secs(visit.seconds);
    let (events, failures) = runtime.block_on(async {
        match visit.deed {
            Deed::PeerChurn => Ok(churn(target, until).await),
            Deed::ForgedAnnouncements => {
                let mut said = Say::new(&target, target.network, visit.rate).await?;
                said.until(until, || forged_announcements::forge(rand::random))
                    .await
            }
            Deed::GossipFlood => {
                let mut said = Say::new(&target, target.topic.0, visit.rate).await?;
                let mut number = 0_u64;
                let next = || {
                    number += 1;
                    Ok(format!("{number:>FLOOD_BYTES$}").into_bytes())
                };
                said.until(until, next).await
            }
        }
    })?;
    runtime.shutdown_timeout(GRACE);
    protocol::write(&Visited {
        deed: visit.deed,
        events,
        failures,
        elapsed_ms: started.elapsed().as_millis() as u64,
    })?;
    Ok(())
}

/// The node that is visited.
#[derive(Clone)]
struct Target {
    address: NodeAddress,
    network: [u8; 32],
    topic: Topic,
}

impl Target {
    fn of(visit: &Visit) -> Result<Self> {
        Ok(Self {
            address: NodeAddress {
                public_key: PublicKey::from_str(&visit.key).context("--key is no public key")?,
                direct_addresses: vec![visit.address],
                relay_url: None,
            },
            network: id("--network", visit.network.as_deref(), NETWORK)?,
            topic: Topic(id("--topic", visit.topic.as_deref(), member::TOPIC.0)?),
        })
    }
}

fn id(argument: &str, given: Option<&str>, default: [u8; 32]) -> Result<[u8; 32]> {
    let Some(given) = given else {
        return Ok(default);
    };
    let bytes = given.len();
    ensure!(bytes == 32, "{argument} has {bytes} bytes, not 32");
    Ok(given.as_bytes().try_into()?)
}

/// How many visitors were there until then, and how many tried to be.
async fn churn(target: Target, until: Instant) -> (u64, u64) {
    let mut visitors = JoinSet::new();
    for _ in 0..AT_ONCE {
        let target = target.clone();
        visitors.spawn(async move {
            let (mut events, mut failures) = (0, 0);
            while Instant::now() < until {
                match come_and_go(&target).await {
                    Ok(()) => events += 1,
                    Err(_) => failures += 1,
                }
            }
            (events, failures)
        });
    }
    let all = visitors.join_all().await;
    all.into_iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

async fn come_and_go(target: &Target) -> Result<()> {
    let visitor = node::loopback_in(target.network, PrivateKey::new());
    let visitor = visitor.build().await?;
    let heard = async {
        visitor.add_peer(target.address.clone()).await?;
        let mut own = node::subscribe(&visitor, target.topic).await?;
        own.joined().await?;
        own.say(b"here I am").await?;
        own.next().await
    };
    let heard = timeout_at(Instant::now() + PATIENCE, heard).await;
    visitor.shutdown().await?;
    heard??;
    Ok(())
}

/// One that speaks in an overlay of the node.
struct Say {
    overlay: Overlay,
    rate: u32,
    _gossiper: Gossiper,
}

impl Say {
    async fn new(target: &Target, topic: [u8; 32], rate: u32) -> Result<Self> {
        ensure!(rate > 0, "--rate is 0, and must be at least 1");
        let gossiper = Gossiper::spawn(&PrivateKey::new()).await?;
        let node = iroh::PublicKey::from_bytes(target.address.public_key.as_bytes())?;
        let addresses = target.address.direct_addresses.iter().copied();
        gossiper.meet(NodeAddr::from_parts(node, None, addresses))?;
        let mut overlay = gossiper.subscribe(topic.into(), vec![node])?;
        timeout_at(Instant::now() + PATIENCE, overlay.joined())
            .await
            .context("the node cannot be joined")??;
        Ok(Self {
            overlay,
            rate,
            _gossiper: gossiper,
        })
    }

    async fn until(
        &mut self,
        until: Instant,
        mut next: impl FnMut() -> Result<Vec<u8>>,
    ) -> Result<(u64, u64)> {
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        let mut events = 0;
        while Instant::now() < until {
            ticks.tick().await;
            // What others say is not read: gossip drops it. A gossip that is held up takes nothing more.
            let said = next()?;
            match timeout_at(until, self.overlay.say(&said)).await {
                Ok(said) => said?,
                Err(_) => break,
            }
            events += 1;
        }
        Ok((events, 0))
    }
}
