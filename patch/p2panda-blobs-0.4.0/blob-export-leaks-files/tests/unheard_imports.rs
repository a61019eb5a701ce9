// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an import leaves in the store when nobody is there any more to hear its hash.
mod common;
#[path = "common/store.rs"]
mod store;

use std::sync::Arc;
use std::time::Duration;

use common::{in_time, node_with};
use futures_util::stream;
use iroh_blobs::store::ReadableStore;
use store::TestStore;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn an_import_that_nobody_waits_for_leaves_no_tag() {
    let store = TestStore {
        tags_allowed: Arc::new(Semaphore::new(0)),
        ..Default::default()
    };
    let (network, blobs) = node_with(store.clone()).await;
    let import = blobs
        .import_blob_from_stream(stream::iter([Ok("data".into())]))
        .await;
    // All is there but the tag, when who asked for it goes away.
    in_time(store.tags_asked.acquire()).await.unwrap().forget();
    drop(import);
    store.tags_allowed.add_permits(1);

    in_time(store.tags_made.acquire()).await.unwrap().forget();
    let left = timeout(Duration::from_secs(10), async {
        while store.tags(None, None).await.unwrap().count() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(left.await.is_ok(), "the tag is left");
    network.shutdown().await.unwrap();
}
