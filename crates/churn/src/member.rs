//! One node of a fleet: a process that does what it is told on stdin and tells on stdout what reaches it.
//!
//! Unlike a scenario it goes by the system's clock, since it shares its network with other processes.

use std::str::{self, FromStr};

use anyhow::{Context, Result};
use p2panda_core::{PrivateKey, PublicKey};
use p2panda_net::{FromNetwork, NodeAddress, ResyncConfiguration, SyncConfiguration};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;

use crate::log::Log;
use crate::node::{self, Listener, Node, Speaker, Topic};
use crate::orders::{self, Command, Event};
use crate::protocol::{self, SIDE};
use crate::sampler::Sampler;

/// What every fleet talks about.
pub const TOPIC: Topic = Topic([0x7e; 32]);

/// Seconds between two sync sessions with the same member.
const RESYNC_SECONDS: u64 = 2;

/// Runs the node until it is told to stop.
///
/// # Errors
///
/// When a line is none of the commands, the node cannot start, or has ended the subscription.
pub fn run(seed: u64) -> Result<()> {
    orders::follow(|commands| live(seed, commands))
}

async fn live(seed: u64, mut commands: mpsc::Receiver<Result<Command>>) -> Result<()> {
    let key = PrivateKey::from_bytes(&StdRng::seed_from_u64(seed).r#gen());
    let mut log = Log::new(key.clone());
    let sampler = Sampler::new()?;
    let resync = ResyncConfiguration::new()
        .interval(RESYNC_SECONDS)
        .poll_interval(1);
    let node = node::loopback(key)
        .sync(SyncConfiguration::new(log.protocol()).resync(resync))
        .build()
        .await?;
    introduce(&node).await?;
    let (says, mut topic) = node::subscribe(&node, TOPIC).await?.split();
    let mut joined = false;

    loop {
        tokio::select! {
            command = commands.recv() => match command.transpose()? {
                Some(Command::Stop) | None => break,
                Some(Command::Sample) => protocol::write(&Event::Sample { held: sampler.read()? })?,
                Some(command) => obey(command, &node, &mut log, &says).await?,
            },
            arrived = next(&mut topic, joined) => {
                joined = true;
                tell(arrived?)?;
            }
        }
    }

    node.shutdown().await?;
    protocol::write(&Event::Stopped)?;
    Ok(())
}

async fn introduce(node: &Node) -> Result<()> {
    let address = node::address(node).await?;
    protocol::write(&Event::Member {
        side: SIDE,
        public_key: address.public_key.to_hex(),
        addresses: address.direct_addresses,
    })?;
    Ok(())
}

async fn obey(command: Command, node: &Node, log: &mut Log, says: &Speaker) -> Result<()> {
    match command {
        Command::Meet {
            public_key,
            addresses,
        } => {
            let peer = NodeAddress {
                public_key: PublicKey::from_str(&public_key)?,
                direct_addresses: addresses,
                relay_url: None,
            };
            node.add_peer(peer).await
        }
        Command::Say { text } => says.say(text.as_bytes()).await,
        Command::Publish { text } => log.append(text.as_bytes()).await,
        Command::Sample | Command::Stop => Ok(()),
    }
}

/// Waits for the overlay first, then for what arrives. Cancel safe.
async fn next(topic: &mut Listener, joined: bool) -> Result<Option<FromNetwork>> {
    if joined {
        topic.next().await.map(Some)
    } else {
        topic.joined().await.map(|()| None)
    }
}

fn tell(arrived: Option<FromNetwork>) -> Result<()> {
    let bytes = match &arrived {
        None => return Ok(protocol::write(&Event::Joined)?),
        Some(FromNetwork::GossipMessage { bytes, .. }) => Some(bytes),
        Some(FromNetwork::SyncMessage { payload, .. }) => payload.as_ref(),
    };
    let text = str::from_utf8(bytes.map_or(&[], Vec::as_slice)).context("heard no text")?;
    let event = match arrived {
        Some(FromNetwork::SyncMessage { .. }) => Event::Synced { text },
        _ => Event::Heard { text },
    };
    Ok(protocol::write(&event)?)
}
