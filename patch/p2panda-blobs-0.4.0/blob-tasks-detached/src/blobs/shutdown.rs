// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the blobs service ends.
use std::error::Error;
use std::fmt::{self, Display};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use iroh_blobs::downloader::Downloader;
use iroh_blobs::store::Store;
use p2panda_net::TopicId;
use p2panda_sync::TopicQuery;
use tokio::time::timeout;

use crate::Blobs;

impl<T, S> Blobs<T, S>
where
    T: TopicQuery + TopicId + 'static,
    S: Store,
{
    /// Number of imports and downloads which have not ended yet.
    pub fn running_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Cancels all imports and downloads, stops serving peers and closes the store.
    ///
    /// Imports and downloads end with an `Abort`, and so do those which are started later. The
    /// network goes on, it has its own `shutdown`. Returns an error when this takes longer than the
    /// given time: what is still running was cancelled and ends by itself, as it does when this
    /// future is dropped. May be called again.
    ///
    /// Dropping `Blobs` cancels imports and downloads as well, but does not wait for them, and lets
    /// the network serve the store to peers for as long as it lives.
    pub async fn shutdown(&self, time_limit: Duration) -> Result<(), ShutdownTimeout> {
        self.serving.cancel();
        self.lock_downloader().take();
        timeout(time_limit, async {
            self.tasks.shutdown().await;
            self.store.shutdown().await;
        })
        .await
        .map_err(|_| ShutdownTimeout(self.tasks.len()))
    }

    /// Is held for moments only, and never over an await.
    pub(super) fn lock_downloader(&self) -> MutexGuard<'_, Option<Downloader>> {
        self.downloader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blobs service did not end within the time it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownTimeout(usize);

impl ShutdownTimeout {
    /// Number of imports and downloads which had not ended. Zero says that the store had not.
    pub fn running_tasks(&self) -> usize {
        self.0
    }
}

impl Display for ShutdownTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "blobs service did not end in time, {} tasks are running",
            self.0
        )
    }
}

impl Error for ShutdownTimeout {}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::pin::pin;
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::{StreamExt, stream};
    use p2panda_core::{Hash, PrivateKey};
    use p2panda_net::{Network, NetworkBuilder, NodeAddress, TopicId};
    use p2panda_sync::TopicQuery;
    use serde::{Deserialize, Serialize};

    use crate::{Blobs, DownloadBlobEvent, ImportBlobEvent, MemoryStore};

    /// Only keeps a test that failed from waiting for ever.
    const HANG: Duration = Duration::from_secs(60);

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Topic;

    impl TopicQuery for Topic {}

    impl TopicId for Topic {
        fn id(&self) -> [u8; 32] {
            [2; 32]
        }
    }

    #[tokio::test]
    async fn a_shutdown_ends_what_is_running_and_says_so_to_who_asked() {
        let (network, blobs) = node().await;
        network.add_peer(nobody()).await.unwrap();
        let mut import = pin!(blobs.import_blob_from_stream(stream::pending()).await);
        let mut download = pin!(blobs.download_blob(Hash::new(b"not there")).await);
        assert_eq!(blobs.running_tasks(), 2);

        blobs.shutdown(HANG).await.unwrap();

        assert_eq!(blobs.running_tasks(), 0);
        assert!(matches!(
            import.next().await,
            Some(ImportBlobEvent::Abort(_))
        ));
        assert!(matches!(
            download.next().await,
            Some(DownloadBlobEvent::Abort(_))
        ));

        // It stays shut down.
        let mut late = pin!(blobs.import_blob_from_stream(stream::pending()).await);
        assert!(matches!(late.next().await, Some(ImportBlobEvent::Abort(_))));
        blobs.shutdown(HANG).await.unwrap();
        network.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_shutdown_does_not_wait_longer_than_it_may() {
        let (network, blobs) = node().await;
        // This stream blocks the thread it is polled in, which nothing can cancel.
        let (started_tx, started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let blocking = stream::poll_fn(move |_| {
            started_tx.send(()).ok();
            released.recv().ok();
            std::task::Poll::Ready(None)
        });
        let import = blobs.import_blob_from_stream(blocking).await;
        started.recv_timeout(HANG).unwrap();

        let ended = blobs.shutdown(Duration::from_millis(100)).await;
        assert_eq!(ended.unwrap_err().running_tasks(), 1);

        drop(release);
        blobs.shutdown(HANG).await.unwrap();
        drop(import);
        network.shutdown().await.unwrap();
    }

    async fn node() -> (Network<Topic>, Blobs<Topic, MemoryStore>) {
        let builder = NetworkBuilder::new([1; 32])
            .bind_ip_v4(Ipv4Addr::LOCALHOST)
            .bind_port_v4(0)
            .bind_ip_v6(Ipv6Addr::LOCALHOST)
            .bind_port_v6(0);
        Blobs::from_builder(builder, MemoryStore::new())
            .await
            .unwrap()
    }

    /// Port 9 is nobody's.
    fn nobody() -> NodeAddress {
        let mut address = NodeAddress::from_public_key(PrivateKey::new().public_key());
        address.direct_addresses = vec![(Ipv4Addr::LOCALHOST, 9).into()];
        address
    }
}
