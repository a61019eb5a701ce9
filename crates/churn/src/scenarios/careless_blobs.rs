//! Blobs without a peer: imports of which nobody hears, and what an export leaves behind.

use std::env::temp_dir;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;
use std::{fs, io, process};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use p2panda_core::Hash;
use tokio::time::{self, timeout};

use super::blob_downloads::Party;
use super::{Quick, Scenario};
use crate::node;
use crate::owed::owed;
use crate::run::{Dead, Run};

pub const UNREAD_IMPORTS: Scenario = Scenario {
    name: "unread-imports",
    about: "An application imports a blob in pieces, twice for each core, reads no event of these yet, and imports another blob",
    event: "all those imports begun, another blob imported, and all forgotten",
    defects: &["blob-tasks-detached"],
    quick: FEW,
    budget_bytes_per_event: 512.0,
    run: |run| Box::pin(import_unread(run)),
};

pub const EXPORTED_BLOBS: Scenario = Scenario {
    name: "exported-blobs",
    about: "An application exports one blob after the other to a file of its own, and removes the file",
    event: "blob imported, exported, and forgotten, and no other file of that name left",
    defects: &["blob-export-leaks-files"],
    quick: FEW,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(export(run)),
};

/// At rest: nothing is in flight when an event is over.
const FEW: Quick = Quick {
    events: 960,
    samples: 49,
    warmup_events: 320,
    settle_ms: 1_000,
    seconds_max: 12,
};

/// Pieces of a blob, each of which makes an event: more than the 32 events that may wait for their reader.
const PIECES: usize = 100;

/// How long an import may take, by the system's clock.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn import_unread(run: &mut Run) -> Result<()> {
    let cores = available_parallelism().map_or(1, usize::from);
    let party = Party::start(node::loopback(run.key())).await?;
    while run.next().await?.is_some() {
        // Blobs are read and written on threads of their own, of which the runtime's clock does not know.
        time::resume();
        let piece: [u8; 32] = run.random();
        let mut unread = Vec::new();
        for _ in 0..2 * cores {
            let pieces = (0..PIECES).map(move |_| io::Result::Ok(piece.to_vec().into()));
            let events = party.blobs.import_blob_from_stream(stream::iter(pieces));
            unread.push(Box::pin(events.await));
        }
        let other = run.random::<32>().to_vec();
        let other = async { timeout(AT_ONCE, party.import(other)).await? };
        let hash = owed("an import beside those that nobody reads", other).await?;
        for events in unread {
            events.collect::<Vec<_>>().await;
        }
        let pieces = Hash::new(piece.repeat(PIECES));
        for hash in [hash, pieces] {
            party.forget(hash).await?;
        }
        time::pause();
    }
    party.node.shutdown().await
}

async fn export(run: &mut Run) -> Result<()> {
    let party = Party::start(node::loopback(run.key())).await?;
    let folder = temp_dir().join(format!("churn-exports-{}", process::id()));
    fs::create_dir(&folder).context("no folder to export to")?;
    let exported = export_to(run, &party, &folder).await;
    fs::remove_dir_all(&folder)?;
    exported?;
    party.node.shutdown().await
}

async fn export_to(run: &mut Run, party: &Party, folder: &Path) -> Result<()> {
    while let Some(event) = run.next().await? {
        time::resume();
        let hash = party.import(run.random::<32>().to_vec()).await?;
        let name = format!("churn-exported-{}-{event}", process::id());
        let target = folder.join(&name);
        party.blobs.export_blob(hash, &target).await?;
        party.forget(hash).await?;
        fs::remove_file(target).context("nothing was exported")?;
        // Exports go through the folder for temporary files.
        if fs::remove_file(temp_dir().join(name)).is_ok() {
            bail!(Dead("a second copy of what is exported is left".into()));
        }
        time::pause();
    }
    Ok(())
}
