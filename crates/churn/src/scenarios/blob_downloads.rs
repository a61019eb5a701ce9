//! A node hands out blobs: most are fetched, some fetches are given up, and some peers vanish while they fetch.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use iroh_blobs::store::Store;
use p2panda_blobs::{Blobs, DownloadBlobEvent, ImportBlobEvent, MemoryStore};
use p2panda_core::Hash;
use p2panda_net::NetworkBuilder;
use tokio::time;

use super::{Quick, Scenario};
use crate::node::{self, Node, Topic};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "blob-downloads",
    about: "One node imports a blob, another fetches it, and both forget it; some fetches are given up, some peers vanish",
    event: "blob imported, fetched, and forgotten",
    defects: &[
        "address-book-grows",
        "blob-export-leaks-files",
        "blob-tasks-detached",
        "disco-secrets",
        "node-addresses",
        "rtt-actor-streams",
        "watchable-wakers",
        "weak-handle-pins-connection",
    ],
    // Settled: past the 30 s after which a connection without an answer ends, and the 50 s after which iroh's node map lets
    // go of who was there. As many of each kind of event stand between any two samples.
    quick: Quick {
        events: 1_536,
        samples: 49,
        warmup_events: 768,
        settle_ms: 60_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(hand_out(run)),
};

/// In so many events is one that is given up, and one whose peer vanishes.
const MIX: u64 = 16;

/// Larger than what is under way at a time, so that a fetch can be left in the middle.
const LARGE_BYTES: usize = 512 * 1024;

/// How long a fetch that will not end may go on.
const UNDER_WAY: Duration = Duration::from_millis(2);

async fn hand_out(run: &mut Run) -> Result<()> {
    let hub = Party::start(node::loopback(run.key())).await?;
    let reader = Party::start(node::loopback(run.key())).await?;
    let hub_address = node::address(&hub.node).await?;
    reader.node.add_peer(hub_address.clone()).await?;
    run.watch(&hub.node);

    while let Some(event) = run.next().await? {
        // Blobs are read and written on threads of their own. The runtime's clock does not know of them, and would jump
        // over the time they take.
        time::resume();
        let seed: [u8; 32] = run.random();
        let (hash, visitor) = match event % MIX {
            0 => {
                let hash = hub.import(seed.repeat(LARGE_BYTES / seed.len())).await?;
                reader.begin(hash).await;
                // It goes on all the same, and must not bring back what is forgotten below.
                reader.fetch(hash).await?;
                (hash, None)
            }
            8 => {
                let hash = hub.import(seed.repeat(LARGE_BYTES / seed.len())).await?;
                let visitor = Party::start(node::loopback(run.key())).await?;
                visitor.node.add_peer(hub_address.clone()).await?;
                visitor.begin(hash).await;
                (hash, Some(visitor))
            }
            _ => {
                let hash = hub.import(seed.to_vec()).await?;
                reader
                    .fetch(hash)
                    .await
                    .with_context(|| format!("fetch {event}"))?;
                (hash, None)
            }
        };
        hub.forget(hash).await?;
        reader.forget(hash).await?;
        time::pause();

        if let Some(Party { node, blobs, .. }) = visitor {
            drop(blobs);
            node.shutdown().await?;
        }
    }

    reader.node.shutdown().await?;
    hub.node.shutdown().await
}

/// A node with blobs.
pub(super) struct Party {
    pub node: Node,
    pub blobs: Blobs<Topic, MemoryStore>,
    store: MemoryStore,
}

impl Party {
    pub async fn start(builder: NetworkBuilder<Topic>) -> Result<Self> {
        let store = MemoryStore::new();
        let (node, blobs) =
            Blobs::from_builder(node::with_small_book(builder), store.clone()).await?;
        Ok(Self { node, blobs, store })
    }

    pub async fn import(&self, bytes: Vec<u8>) -> Result<Hash> {
        let data = stream::iter([Ok(bytes.into())]);
        let mut import = pin!(self.blobs.import_blob_from_stream(data).await);
        match import.next().await {
            Some(ImportBlobEvent::Done(hash)) => Ok(hash),
            ended => bail!("an import ended with {ended:?}"),
        }
    }

    async fn fetch(&self, hash: Hash) -> Result<()> {
        let mut download = pin!(self.blobs.download_blob(hash).await);
        match download.next().await {
            Some(DownloadBlobEvent::Done) => Ok(()),
            ended => bail!("a download ended with {ended:?}"),
        }
    }

    /// Fetches for a moment, and looks no longer.
    async fn begin(&self, hash: Hash) {
        let download = self.blobs.download_blob(hash).await;
        let under_way = download.take_until(time::sleep(UNDER_WAY));
        // What ends it, the blob or the time, makes no difference.
        under_way.collect::<Vec<_>>().await;
    }

    /// Removes all that the store knows of a blob, as far as it can be removed.
    pub async fn forget(&self, hash: Hash) -> Result<()> {
        #[cfg(feature = "fork")]
        self.blobs.release(hash).await?;
        let hash = iroh_blobs::Hash::from_bytes(*hash.as_bytes());
        Ok(self.store.delete(vec![hash]).await?)
    }
}
