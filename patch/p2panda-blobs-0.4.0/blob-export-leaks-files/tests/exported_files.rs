// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an export leaves behind in the folder for temporary files, and whether it ends.
mod common;
#[path = "common/store.rs"]
mod store;

use std::env::temp_dir;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use common::{import, in_time, node_with};
use futures_util::{FutureExt, StreamExt, stream};
use p2panda_blobs::{ImportBlobEvent, MemoryStore};
use store::{Export, TestStore};
use tokio::time::timeout;

#[tokio::test]
async fn an_export_leaves_no_temporary_file() {
    let target = Target::new("done");
    export(Export::AsInMemory, &target).await.unwrap();

    assert_eq!(fs::read_to_string(&target.path).unwrap(), target.data);
    target.assert_nothing_is_left();
}

#[tokio::test]
async fn an_export_that_fails_leaves_no_temporary_file() {
    let target = Target::new("fails");
    assert!(export(Export::FailsHalfway, &target).await.is_err());

    target.assert_nothing_is_left();
}

#[tokio::test]
async fn an_export_that_panics_leaves_no_temporary_file() {
    let target = Target::new("panics");
    let export = AssertUnwindSafe(export(Export::PanicsHalfway, &target));
    assert!(export.catch_unwind().await.is_err());

    target.assert_nothing_is_left();
}

#[tokio::test]
async fn an_export_whose_target_is_a_folder_leaves_no_temporary_file() {
    let target = Target::new("folder");
    fs::create_dir(&target.path).unwrap();
    assert!(export(Export::AsInMemory, &target).await.is_err());

    target.assert_nothing_is_left();
}

#[tokio::test]
async fn a_temporary_file_of_the_same_name_is_not_touched() {
    let target = Target::new("same-name");
    fs::write(target.of_the_same_name(), "somebody else's").unwrap();
    export(Export::AsInMemory, &target).await.unwrap();

    let theirs = fs::read(target.of_the_same_name()).unwrap();
    assert_eq!(theirs, b"somebody else's");
    fs::remove_file(target.of_the_same_name()).unwrap();
}

#[tokio::test]
async fn an_export_to_a_path_without_a_name_is_an_error() {
    let mut target = Target::new("no-name");
    target.path.push("..");
    assert!(export(Export::AsInMemory, &target).await.is_err());
}

#[tokio::test]
async fn an_export_ends_however_often_the_store_tells_its_progress() {
    let target = Target::new("tells");
    // The store in memory tells it once a mebibyte.
    export(Export::Tells(2_000), &target).await.unwrap();

    assert_eq!(fs::read_to_string(&target.path).unwrap(), target.data);
}

/// `cargo test -p p2panda-blobs --test exported_files -- --ignored`
#[tokio::test]
#[ignore = "takes 3 GiB of memory, and as much in the folder for temporary files"]
async fn a_blob_of_more_than_a_gibibyte_is_exported_from_memory() {
    const MEBIBYTES: usize = 1025;
    let target = Target::new("gibibyte");
    let (network, blobs) = node_with(MemoryStore::new()).await;
    let mebibytes = (0..MEBIBYTES).map(|n| Ok(vec![n as u8; 1 << 20].into()));
    let mut import = pin!(blobs.import_blob_from_stream(stream::iter(mebibytes)).await);
    let Some(ImportBlobEvent::Done(hash)) = import.next().await else {
        panic!("the blob is not imported");
    };
    let export = timeout(
        Duration::from_secs(600),
        blobs.export_blob(hash, &target.path),
    );
    export.await.expect("an export ends").unwrap();

    let len = fs::metadata(&target.path).unwrap().len();
    assert_eq!(len, (MEBIBYTES << 20) as u64);
    network.shutdown().await.unwrap();
}

async fn export(export: Export, target: &Target) -> Result<()> {
    let store = TestStore {
        export,
        ..Default::default()
    };
    let (network, blobs) = node_with(store).await;
    let hash = import(&blobs, target.data.clone()).await;
    let result = in_time(blobs.export_blob(hash, &target.path)).await;
    network.shutdown().await.unwrap();
    result
}

/// A path to export to, in a folder which is removed with it.
struct Target {
    /// Stands in no file but those of this test.
    data: String,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Target {
    fn new(test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{test}-{}", std::process::id());
        Self {
            data: format!("a blob of {name}"),
            path: folder.path().join(name),
            _folder: folder,
        }
    }

    fn of_the_same_name(&self) -> PathBuf {
        temp_dir().join(self.path.file_name().unwrap())
    }

    /// Looks for the data among the temporary files, and one level below.
    fn assert_nothing_is_left(&self) {
        let own_folder = self.path.parent().unwrap();
        let files = entries(&temp_dir())
            .filter(|path| path != own_folder)
            .flat_map(|path| std::iter::once(path.clone()).chain(entries(&path)));
        for file in files {
            let is_left = file.is_file()
                && fs::metadata(&file).is_ok_and(|m| m.len() == self.data.len() as u64)
                && fs::read(&file).is_ok_and(|data| data == self.data.as_bytes());
            if is_left {
                fs::remove_file(&file).unwrap();
                panic!("{} is left", file.display());
            }
        }
    }
}

/// What is in a folder, which others may change meanwhile.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}
