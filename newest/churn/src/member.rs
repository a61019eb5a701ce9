//! One node of a fleet: a process that does what it is told on stdin and tells on stdout what reaches it.
//!
//! Unlike a scenario it goes by the system's clock, since it shares its network with other processes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs, process, str};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use iroh::EndpointAddr;
use p2panda_core::{Body, Hash, Header, Operation, SeqNum, SigningKey, Topic, VerifyingKey};
use p2panda_net::addrs::NodeInfo;
use p2panda_net::gossip::{GossipEvent, GossipHandle};
use p2panda_net::sync::SyncHandle;
use p2panda_net::utils::from_verifying_key;
use p2panda_net::{AddressBook, Discovery, Endpoint, LogSync};
use p2panda_store::operations::OperationStore;
use p2panda_store::topics::TopicStore;
use p2panda_store::{SqliteStore, SqliteStoreBuilder, Transaction};
use p2panda_sync::protocols::TopicLogSyncEvent;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::orders::{self, Command, Event};
use crate::panda::Panda;
use crate::protocol::{self, SIDE};
use crate::sampler::Sampler;

/// What every fleet talks about.
const TOPIC: [u8; 32] = [0x7e; 32];

/// What an operation says beside its text: which of its author's logs it stands in.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Place {
    log: u64,
}

/// Runs the node until it is told to stop.
///
/// # Errors
///
/// When a line is none of the commands, the node cannot start, or has ended a subscription.
pub fn run(seed: u64) -> Result<()> {
    orders::follow(|commands| live(seed, commands))
}

async fn live(seed: u64, mut commands: mpsc::Receiver<Result<Command>>) -> Result<()> {
    let key: [u8; 32] = StdRng::seed_from_u64(seed).r#gen();
    let sampler = Sampler::new()?;
    let Panda {
        book: addresses,
        gossip,
        endpoint,
    } = Panda::spawn(key).await?;
    introduce(&endpoint).await?;
    // Tells each node which topics the others have; it ends when it is dropped.
    let _discovery = Discovery::builder(addresses.clone(), endpoint.clone())
        .spawn()
        .await?;
    let mut log = Log::new(SigningKey::from_bytes(&key)).await?;
    let sync = LogSync::<_, u64, _>::builder(log.store.clone(), endpoint, gossip.clone())
        .spawn()
        .await?;

    let mut overlays = gossip.events().await?;
    let gossips = gossip.stream(TOPIC.into()).await?;
    let mut heard = gossips.subscribe();
    let syncs = sync.stream(TOPIC.into(), true).await?;
    let mut synced = syncs.subscribe().await?;
    loop {
        tokio::select! {
            command = commands.recv() => match command.transpose()? {
                Some(Command::Stop) | None => break,
                Some(Command::Sample) => protocol::write(&Event::Sample { held: sampler.read()? })?,
                Some(command) => obey(command, &addresses, &gossips, &mut log, &syncs).await?,
            },
            event = overlays.recv() => {
                if matches!(event, Ok(GossipEvent::Joined { topic, .. }) if topic == TOPIC.into()) {
                    protocol::write(&Event::Joined)?;
                }
            }
            bytes = heard.next() => {
                let bytes = bytes.context("the overlay was left")??;
                protocol::write(&Event::Heard { text: str::from_utf8(&bytes)? })?;
            }
            event = synced.next() => {
                let event = event.context("the sync stream has ended")??.event;
                if let TopicLogSyncEvent::OperationReceived { operation, .. } = event {
                    log.keep(&operation).await?;
                    let body = operation.body.as_ref().map_or(&[][..], Body::as_bytes);
                    protocol::write(&Event::Synced { text: str::from_utf8(body)? })?;
                }
            }
        }
    }
    protocol::write(&Event::Stopped)?;
    Ok(())
}

async fn introduce(endpoint: &Endpoint) -> Result<()> {
    let sockets = endpoint.endpoint().await?.bound_sockets();
    protocol::write(&Event::Member {
        side: SIDE,
        public_key: endpoint.node_id().to_hex(),
        addresses: sockets.into_iter().filter(SocketAddr::is_ipv4).collect(),
    })?;
    Ok(())
}

async fn obey(
    command: Command,
    addresses: &AddressBook,
    gossips: &GossipHandle,
    log: &mut Log,
    syncs: &SyncHandle<Operation<Place>, TopicLogSyncEvent<Place>>,
) -> Result<()> {
    match command {
        Command::Meet {
            public_key,
            addresses: sockets,
        } => {
            let key: VerifyingKey = public_key.parse()?;
            let addr = EndpointAddr::new(from_verifying_key(key));
            let addr = sockets.into_iter().fold(addr, EndpointAddr::with_ip_addr);
            addresses
                .insert_node_info(NodeInfo::from(addr).bootstrap())
                .await?;
        }
        Command::Say { text } => gossips.publish(text).await?,
        Command::Publish { text } => syncs.publish(log.append(text.as_bytes()).await?)?,
        Command::Sample | Command::Stop => {}
    }
    Ok(())
}

/// What the node has written, and what reached it of others.
struct Log {
    key: SigningKey,
    store: SqliteStore,
    /// Where the store is. One in memory has a single connection, and sessions that wait for it hold each other up.
    file: PathBuf,
    /// A process has a log of its own: one that was started again knows nothing of what it wrote before.
    place: Place,
    operations: SeqNum,
    latest: Option<Hash>,
}

impl Log {
    async fn new(key: SigningKey) -> Result<Self> {
        let file = env::temp_dir().join(format!("churn-member-{}.sqlite", process::id()));
        // Left by a process of the same number that was killed.
        fs::remove_file(&file).ok();
        let url = format!("sqlite://{}", file.display());
        let store = SqliteStoreBuilder::default().database_url(&url);
        Ok(Self {
            key,
            store: store.build().await?,
            file,
            place: Place {
                log: process::id().into(),
            },
            operations: 0,
            latest: None,
        })
    }

    async fn append(&mut self, text: &[u8]) -> Result<Operation<Place>> {
        let body = Body::from_bytes(text);
        let header = Header::builder()
            .seq_num(self.operations)
            .backlink(self.latest)
            .body(&body)
            .build(&self.key, self.place);
        let operation = Operation::from_parts(header, Some(body));
        self.keep(&operation).await?;
        self.operations += 1;
        self.latest = Some(operation.hash);
        Ok(operation)
    }

    /// Keeps an operation, and offers its log to others from now on.
    async fn keep(&self, operation: &Operation<Place>) -> Result<()> {
        let (author, log) = (
            operation.header.verifying_key,
            operation.header.extensions.log,
        );
        let permit = self.store.begin().await?;
        self.store
            .insert_operation(&operation.hash, operation, &log)
            .await?;
        self.store
            .associate(&Topic::from(TOPIC), &author, &log)
            .await?;
        self.store.commit(permit).await?;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        fs::remove_file(&self.file).ok();
    }
}
