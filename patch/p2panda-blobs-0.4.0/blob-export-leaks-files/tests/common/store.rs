// SPDX-License-Identifier: MIT OR Apache-2.0

//! A store that behaves as the one in memory does, and otherwise where a test asks for it.
#![allow(dead_code)]

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use iroh_blobs::store::{
    ConsistencyCheckProgress, DbIter, EntryStatus, ExportMode, ExportProgressCb, GcConfig,
    ImportMode, ImportProgress, Map, MapMut, ReadableStore, Store,
};
use iroh_blobs::util::progress::{BoxedProgressSender, IdGenerator, ProgressSender};
use iroh_blobs::{BlobFormat, Hash, HashAndFormat, Tag, TempTag};
use p2panda_blobs::MemoryStore;
use tokio::sync::Semaphore;

#[derive(Clone, Copy, Debug, Default)]
pub enum Export {
    #[default]
    AsInMemory,
    /// Tells its progress so many times, as one of so many mebibytes does.
    Tells(u64),
    FailsHalfway,
    PanicsHalfway,
}

#[derive(Clone, Debug)]
pub struct TestStore {
    pub inner: MemoryStore,
    pub export: Export,
    /// One permit is added for each tag that is to be made.
    pub tags_asked: Arc<Semaphore>,
    /// One permit is taken for each tag that is made.
    pub tags_allowed: Arc<Semaphore>,
    /// One permit is added for each tag that was made.
    pub tags_made: Arc<Semaphore>,
}

impl Default for TestStore {
    fn default() -> Self {
        Self {
            inner: Default::default(),
            export: Default::default(),
            tags_asked: Arc::new(Semaphore::new(0)),
            tags_allowed: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            tags_made: Arc::new(Semaphore::new(0)),
        }
    }
}

impl ReadableStore for TestStore {
    async fn export(
        &self,
        hash: Hash,
        path: PathBuf,
        mode: ExportMode,
        tell: ExportProgressCb,
    ) -> io::Result<()> {
        match self.export {
            Export::AsInMemory => self.inner.export(hash, path, mode, tell).await,
            Export::Tells(times) => {
                (0..times).try_for_each(&tell)?;
                self.inner.export(hash, path, mode, tell).await
            }
            Export::FailsHalfway => {
                self.inner.export(hash, path, mode, tell).await?;
                Err(io::Error::other("this export fails, as it should"))
            }
            Export::PanicsHalfway => {
                self.inner.export(hash, path, mode, tell).await?;
                panic!("this export panics, as it should")
            }
        }
    }

    async fn blobs(&self) -> io::Result<DbIter<Hash>> {
        self.inner.blobs().await
    }

    async fn tags(
        &self,
        from: Option<Tag>,
        to: Option<Tag>,
    ) -> io::Result<DbIter<(Tag, HashAndFormat)>> {
        self.inner.tags(from, to).await
    }

    fn temp_tags(&self) -> Box<dyn Iterator<Item = HashAndFormat> + Send + Sync + 'static> {
        self.inner.temp_tags()
    }

    async fn consistency_check(
        &self,
        repair: bool,
        tell: BoxedProgressSender<ConsistencyCheckProgress>,
    ) -> io::Result<()> {
        self.inner.consistency_check(repair, tell).await
    }

    async fn partial_blobs(&self) -> io::Result<DbIter<Hash>> {
        self.inner.partial_blobs().await
    }
}

impl Store for TestStore {
    async fn create_tag(&self, hash: HashAndFormat) -> io::Result<Tag> {
        self.tags_asked.add_permits(1);
        self.tags_allowed.acquire().await.unwrap().forget();
        let tag = self.inner.create_tag(hash).await;
        self.tags_made.add_permits(1);
        tag
    }

    async fn import_file(
        &self,
        file: PathBuf,
        how: ImportMode,
        format: BlobFormat,
        tell: impl ProgressSender<Msg = ImportProgress> + IdGenerator,
    ) -> io::Result<(TempTag, u64)> {
        self.inner.import_file(file, how, format, tell).await
    }

    async fn import_bytes(&self, bytes: Bytes, format: BlobFormat) -> io::Result<TempTag> {
        self.inner.import_bytes(bytes, format).await
    }

    async fn import_stream(
        &self,
        data: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
        format: BlobFormat,
        progress: impl ProgressSender<Msg = ImportProgress> + IdGenerator,
    ) -> io::Result<(TempTag, u64)> {
        self.inner.import_stream(data, format, progress).await
    }

    async fn set_tag(&self, name: Tag, hash: HashAndFormat) -> io::Result<()> {
        self.inner.set_tag(name, hash).await
    }

    async fn rename_tag(&self, from: Tag, to: Tag) -> io::Result<()> {
        self.inner.rename_tag(from, to).await
    }

    async fn delete_tags(&self, from: Option<Tag>, to: Option<Tag>) -> io::Result<()> {
        self.inner.delete_tags(from, to).await
    }

    fn temp_tag(&self, value: HashAndFormat) -> TempTag {
        self.inner.temp_tag(value)
    }

    async fn gc_run<G, Gut>(&self, config: GcConfig, protected: G)
    where
        G: Fn() -> Gut,
        Gut: Future<Output = BTreeSet<Hash>> + Send,
    {
        self.inner.gc_run(config, protected).await
    }

    async fn delete(&self, hashes: Vec<Hash>) -> io::Result<()> {
        self.inner.delete(hashes).await
    }

    async fn shutdown(&self) {
        self.inner.shutdown().await
    }

    async fn sync(&self) -> io::Result<()> {
        self.inner.sync().await
    }
}

impl Map for TestStore {
    type Entry = <MemoryStore as Map>::Entry;

    async fn get(&self, hash: &Hash) -> io::Result<Option<Self::Entry>> {
        self.inner.get(hash).await
    }
}

impl MapMut for TestStore {
    type EntryMut = <MemoryStore as MapMut>::EntryMut;

    async fn get_mut(&self, hash: &Hash) -> io::Result<Option<Self::EntryMut>> {
        self.inner.get_mut(hash).await
    }

    async fn get_or_create(&self, hash: Hash, size: u64) -> io::Result<Self::EntryMut> {
        self.inner.get_or_create(hash, size).await
    }

    async fn entry_status(&self, hash: &Hash) -> io::Result<EntryStatus> {
        self.inner.entry_status(hash).await
    }

    fn entry_status_sync(&self, hash: &Hash) -> io::Result<EntryStatus> {
        self.inner.entry_status_sync(hash)
    }

    async fn insert_complete(&self, entry: Self::EntryMut) -> io::Result<()> {
        self.inner.insert_complete(entry).await
    }
}
