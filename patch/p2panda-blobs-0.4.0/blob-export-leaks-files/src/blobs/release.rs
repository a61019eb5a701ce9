// SPDX-License-Identifier: MIT OR Apache-2.0

//! How blobs are given up which were imported.
use anyhow::Result;
use iroh_blobs::store::Store;
use iroh_blobs::{Hash as IrohHash, Tag};
use p2panda_core::Hash;
use p2panda_net::TopicId;
use p2panda_sync::TopicQuery;

use crate::Blobs;

/// How the names of tags begin which a store makes up. Imports have no other.
const AUTO_TAG: &str = "auto-";

impl<T, S> Blobs<T, S>
where
    T: TopicQuery + TopicId + 'static,
    S: Store,
{
    /// Releases a blob that was imported, and returns how many imports of it there were.
    ///
    /// Each import leaves a tag in the store, which keeps the blob from being collected as garbage.
    /// This removes all of them, those of earlier runs included, and leaves tags alone to which the
    /// application gave a name. The blob itself goes with the next garbage collection, which the
    /// application runs on its store. Costs a look at each tag of an import in the store.
    ///
    /// Releasing a blob again, or one that was never imported, does nothing. When this is cancelled
    /// some of the tags may be left.
    pub async fn release(&self, hash: Hash) -> Result<usize> {
        let hash = IrohHash::from_bytes(*hash.as_bytes());
        let auto = Tag::from(AUTO_TAG);
        let end = auto.next_prefix();
        let mut released = 0;
        for tagged in self.store.tags(Some(auto), end).await? {
            let (tag, value) = tagged?;
            if value.hash == hash {
                self.store.delete_tag(tag).await?;
                released += 1;
            }
        }
        Ok(released)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::pin::pin;

    use futures_util::{StreamExt, stream};
    use iroh_blobs::store::{ReadableStore, Store};
    use iroh_blobs::{Hash as IrohHash, HashAndFormat, Tag};
    use p2panda_core::Hash;
    use p2panda_net::{NetworkBuilder, TopicId};
    use p2panda_sync::TopicQuery;
    use serde::{Deserialize, Serialize};

    use crate::{Blobs, ImportBlobEvent, MemoryStore};

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Topic;

    impl TopicQuery for Topic {}

    impl TopicId for Topic {
        fn id(&self) -> [u8; 32] {
            [2; 32]
        }
    }

    #[tokio::test]
    async fn a_release_removes_the_tags_of_a_blob_and_no_others() {
        let builder = NetworkBuilder::<Topic>::new([1; 32])
            .bind_ip_v4(Ipv4Addr::LOCALHOST)
            .bind_port_v4(0)
            .bind_ip_v6(Ipv6Addr::LOCALHOST)
            .bind_port_v6(0);
        let store = MemoryStore::new();
        let (network, blobs) = Blobs::from_builder(builder, store.clone()).await.unwrap();
        for data in ["released", "released", "released", "kept"] {
            let data = stream::iter([Ok(data.into())]);
            let mut import = pin!(blobs.import_blob_from_stream(data).await);
            let event = import.next().await;
            assert!(matches!(event, Some(ImportBlobEvent::Done(_))));
        }
        let released = Hash::new(b"released");
        let named = HashAndFormat::raw(IrohHash::from_bytes(*released.as_bytes()));
        store.set_tag(Tag::from("mine"), named).await.unwrap();
        assert_eq!(store.tags(None, None).await.unwrap().count(), 5);

        assert_eq!(blobs.release(released).await.unwrap(), 3);

        let left = store.tags(None, None).await.unwrap();
        let left: Vec<_> = left.map(|tag| tag.unwrap().1.hash).collect();
        assert_eq!(left, [IrohHash::new(b"kept"), IrohHash::new(b"released")]);
        assert_eq!(blobs.release(released).await.unwrap(), 0);
        assert!(blobs.get(released).await.unwrap().is_some());
        network.shutdown().await.unwrap();
    }
}
