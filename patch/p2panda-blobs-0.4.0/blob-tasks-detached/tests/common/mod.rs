// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tests of running nodes share: nodes with blobs on loopback, and how they get to them.
#![allow(dead_code)]

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use iroh_blobs::store::Store;
use p2panda_blobs::{Blobs, DownloadBlobEvent, ImportBlobEvent, MemoryStore};
use p2panda_core::Hash;
use p2panda_net::{Network, NetworkBuilder, NodeAddress, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

/// A node on loopback, with ports that the system chooses.
pub async fn node() -> (Network<Topic>, Blobs<Topic, MemoryStore>) {
    node_with(MemoryStore::new()).await
}

pub async fn node_with<S: Store>(store: S) -> (Network<Topic>, Blobs<Topic, S>) {
    let builder = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0);
    Blobs::from_builder(builder, store).await.unwrap()
}

pub async fn address_of(network: &Network<Topic>) -> NodeAddress {
    let mut address = NodeAddress::from_public_key(network.node_id());
    address.direct_addresses = network.direct_addresses().await.unwrap();
    address
}

pub async fn import<S: Store>(blobs: &Blobs<Topic, S>, data: impl Into<Bytes>) -> Hash {
    let data = stream::iter([Ok(data.into())]);
    match last(blobs.import_blob_from_stream(data).await).await {
        Some(ImportBlobEvent::Done(hash)) => hash,
        event => panic!("import ended with {event:?}"),
    }
}

pub async fn download(blobs: &Blobs<Topic, MemoryStore>, hash: Hash) -> Option<DownloadBlobEvent> {
    last(blobs.download_blob(hash).await).await
}

pub async fn last<E>(events: impl Stream<Item = E>) -> Option<E> {
    let mut events = pin!(events);
    let mut last = None;
    while let Some(event) = in_time(events.next()).await {
        last = Some(event);
    }
    last
}

/// A test that waits has failed after half a minute.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("it takes longer than half a minute")
}
