// SPDX-License-Identifier: MIT OR Apache-2.0

//! Progress that nobody hears: stores end an import when they can not tell of it any more.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use iroh_blobs::store::ImportProgress;
use iroh_blobs::util::progress::{
    IdGenerator, ProgressSendError, ProgressSendResult, ProgressSender,
};
use tokio_util::sync::CancellationToken;

/// Takes all progress, without ever waiting, until the token is cancelled.
///
/// A store may import in a thread of its own, which does not end with the future that waits for it.
#[derive(Clone, Debug)]
pub(crate) struct UnheardProgress {
    cancelled: CancellationToken,
    next_id: Arc<AtomicU64>,
}

impl UnheardProgress {
    pub fn new(cancelled: CancellationToken) -> Self {
        Self {
            cancelled,
            next_id: Default::default(),
        }
    }
}

impl IdGenerator for UnheardProgress {
    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl ProgressSender for UnheardProgress {
    type Msg = ImportProgress;

    async fn send(&self, msg: Self::Msg) -> ProgressSendResult<()> {
        self.try_send(msg)
    }

    fn try_send(&self, _msg: Self::Msg) -> ProgressSendResult<()> {
        if self.cancelled.is_cancelled() {
            Err(ProgressSendError::ReceiverDropped)
        } else {
            Ok(())
        }
    }

    fn blocking_send(&self, msg: Self::Msg) -> ProgressSendResult<()> {
        self.try_send(msg)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use iroh_blobs::BlobFormat;
    use iroh_blobs::store::Store;
    use tokio_util::sync::CancellationToken;

    use super::UnheardProgress;
    use crate::MemoryStore;

    #[tokio::test]
    async fn a_store_ends_an_import_that_was_cancelled() {
        let store = MemoryStore::new();
        let cancelled = CancellationToken::new();
        let progress = UnheardProgress::new(cancelled.clone());
        let import = || {
            let data = stream::iter([Ok("data".into())]);
            store.import_stream(data, BlobFormat::Raw, progress.clone())
        };

        assert!(import().await.is_ok());
        cancelled.cancel();
        assert!(import().await.is_err());
    }
}
