// SPDX-License-Identifier: MIT OR Apache-2.0

//! What becomes of imports whose source panics, or whose events nobody reads.
mod common;

use std::io;
use std::thread::available_parallelism;

use common::{import, last, node};
use futures_util::stream;
use p2panda_blobs::ImportBlobEvent;

/// More than there are threads for tasks, which are as many as there are cores.
fn more_than_threads() -> usize {
    available_parallelism().unwrap().get() * 2
}

#[tokio::test]
async fn a_source_that_panics_is_an_error_to_its_importer_alone() {
    let (network, blobs) = node().await;
    for _ in 0..more_than_threads() {
        let panics = stream::poll_fn(|_| panic!("this source panics, as it should"));
        let event = last(blobs.import_blob_from_stream(panics).await).await;
        assert!(
            matches!(event, Some(ImportBlobEvent::Abort(_))),
            "an import that panicked ended with {event:?}"
        );
    }
    import(&blobs, "others go on").await;
    network.shutdown().await.unwrap();
}

#[tokio::test]
async fn imports_whose_events_nobody_reads_hold_up_no_other() {
    let (network, blobs) = node().await;
    let mut unread = Vec::new();
    for _ in 0..more_than_threads() {
        let chunks = (0..100).map(|_| io::Result::Ok("a chunk".into()));
        let events = blobs.import_blob_from_stream(stream::iter(chunks)).await;
        unread.push(events);
    }
    import(&blobs, "others go on").await;
    drop(unread);
    network.shutdown().await.unwrap();
}
