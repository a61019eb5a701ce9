// SPDX-License-Identifier: MIT OR Apache-2.0

//! What peers notice of an application that drops its `Blobs`.
mod common;

use common::{address_of, download, import, node};
use p2panda_blobs::DownloadBlobEvent;

#[tokio::test]
async fn a_peer_fetches_on_when_blobs_are_dropped() {
    let (network, blobs) = node().await;
    let first = import(&blobs, "first").await;
    let second = import(&blobs, "second").await;
    let (peer_network, peer) = node().await;
    peer_network
        .add_peer(address_of(&network).await)
        .await
        .unwrap();
    assert!(matches!(
        download(&peer, first).await,
        Some(DownloadBlobEvent::Done)
    ));

    drop(blobs);

    let event = download(&peer, second).await;
    assert!(
        matches!(event, Some(DownloadBlobEvent::Done)),
        "the second download ended with {event:?}"
    );
    peer_network.shutdown().await.unwrap();
    network.shutdown().await.unwrap();
}
