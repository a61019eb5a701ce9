// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much of the logs is read from a store before the peer has taken it.
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::future::join;
use futures::{SinkExt, StreamExt, sink};
use p2panda_core::{Body, Header, PrivateKey, PublicKey, RawOperation};
use p2panda_store::{LogCursor, LogStore, MemoryStore, OperationStore, RawLogPage};
use serde::{Deserialize, Serialize};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::cbor::{into_cbor_sink, into_cbor_stream};
use crate::{SyncProtocol, TopicQuery};

use super::{LogHeights, LogSyncProtocol, Logs, Message, TopicLogMap};

/// Operations on their way in the pipe and the buffers before it, at most.
const UNDER_WAY: usize = 32;

#[tokio::test]
async fn a_log_is_read_in_parts_as_the_peer_takes_them() {
    const OPERATIONS: u64 = 3 * 256;
    let read = Arc::new(AtomicUsize::new(0));
    let store = InParts(store(1, OPERATIONS, 4096).await, read.clone());
    let expected = store.0.get_raw_log(&author(), &0, None).await.unwrap();

    let peer = sync(store, &read, vec![]).await;
    assert_eq!(Some(peer.received), expected);
    // A part is a mebibyte: 256 of these operations at most.
    assert!(
        peer.read_ahead_max <= 256 + UNDER_WAY,
        "{} operations of {OPERATIONS} were held",
        peer.read_ahead_max
    );
}

#[tokio::test]
async fn logs_are_read_one_by_one_from_a_store_without_parts() {
    const LOGS: u64 = 20;
    const PER_LOG: u64 = 100;
    let read = Arc::new(AtomicUsize::new(0));
    let store = store(LOGS, PER_LOG, 1024).await;
    let mut expected = Vec::new();
    for log_id in 0..LOGS {
        expected.extend(store.get_raw_log(&author(), &log_id, None).await.unwrap());
    }

    let peer = sync(WholeLogs(InParts(store, read.clone())), &read, vec![]).await;
    assert_eq!(peer.received, expected.concat());
    assert!(
        peer.read_ahead_max <= PER_LOG as usize + UNDER_WAY,
        "{} operations of {LOGS} times {PER_LOG} were held",
        peer.read_ahead_max
    );
}

#[tokio::test]
async fn a_peer_gets_what_is_behind_its_height() {
    let read = Arc::new(AtomicUsize::new(0));
    let store = InParts(store(1, 500, 4096).await, read.clone());
    let expected = store.0.get_raw_log(&author(), &0, Some(200)).await.unwrap();

    let peer = sync(store, &read, vec![(0, 199)]).await;
    assert_eq!(Some(peer.received), expected);
    assert_eq!(read.load(Ordering::Relaxed), 300);
}

#[tokio::test]
async fn a_peer_that_claims_the_greatest_height_lacks_nothing() {
    let read = Arc::new(AtomicUsize::new(0));
    let store = InParts(store(1, 3, 0).await, read.clone());
    let peer = sync(store, &read, vec![(0, u64::MAX)]).await;
    assert_eq!(peer.received, []);
}

/// What a peer has received, and how many operations were read before it had received them.
struct Peer {
    received: Vec<RawOperation>,
    read_ahead_max: usize,
}

/// Accepts a session with a peer that has logs of these heights, and takes what it lacks bit by bit.
async fn sync<S>(store: S, read: &AtomicUsize, has: LogHeights<u64>) -> Peer
where
    S: LogStore<u64, ()> + std::fmt::Debug + Send + Sync,
{
    let protocol = Arc::new(LogSyncProtocol::new(AllLogs, store));
    let (ours, theirs) = tokio::io::duplex(4096);
    let (our_rx, our_tx) = tokio::io::split(ours);
    let (their_rx, their_tx) = tokio::io::split(theirs);
    let (mut our_rx, mut our_tx) = (our_rx.compat(), our_tx.compat_write());
    let (mut their_rx, mut their_tx) = (their_rx.compat(), their_tx.compat_write());

    let mut app = sink::drain().sink_map_err(|never| match never {});
    let session = protocol.accept(
        Box::new(&mut our_tx),
        Box::new(&mut our_rx),
        Box::new(&mut app),
    );
    let peer = async {
        let mut tx = into_cbor_sink::<Message<AllLogsTopic, u64>>(Box::new(&mut their_tx));
        let mut rx = into_cbor_stream(Box::new(&mut their_rx));
        let have = Message::Have(AllLogsTopic, vec![(author(), has)]);
        tx.send(have).await.unwrap();
        let (mut received, mut read_ahead_max) = (Vec::new(), 0);
        while let Message::Data(header, body) = rx.next().await.unwrap().unwrap() {
            received.push((header, body));
            let read_ahead = read.load(Ordering::Relaxed) - received.len();
            read_ahead_max = read_ahead_max.max(read_ahead);
        }
        let theirs: Message<AllLogsTopic, u64> = rx.next().await.unwrap().unwrap();
        assert!(matches!(theirs, Message::Have(..)));
        tx.send(Message::Done).await.unwrap();
        Peer {
            received,
            read_ahead_max,
        }
    };
    let (session, peer) = join(session, peer).await;
    session.unwrap();
    peer
}

/// Logs with ids from 0 on, which all have so many operations with so many bytes of body.
async fn store(logs: u64, operations: u64, body_len: usize) -> MemoryStore<u64> {
    let mut store = MemoryStore::default();
    for log_id in 0..logs {
        for seq_num in 0..operations {
            let body = Body::new(&vec![log_id as u8; body_len]);
            let header = Header::<()> {
                public_key: author(),
                payload_size: body.size(),
                payload_hash: Some(body.hash()),
                timestamp: log_id,
                seq_num,
                ..Header::default()
            };
            let bytes = header.to_bytes();
            store
                .insert_operation(header.hash(), &header, Some(&body), &bytes, &log_id)
                .await
                .unwrap();
        }
    }
    store
}

fn author() -> PublicKey {
    PrivateKey::from_bytes(&[1; 32]).public_key()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
struct AllLogsTopic;

impl TopicQuery for AllLogsTopic {}

#[derive(Debug)]
struct AllLogs;

#[async_trait]
impl TopicLogMap<AllLogsTopic, u64> for AllLogs {
    async fn get(&self, _topic: &AllLogsTopic) -> Option<Logs<u64>> {
        Some(HashMap::from([(author(), (0..20).collect())]))
    }
}

type Operation = (Header, Option<Body>);

/// A memory store that counts the operations which are read from it.
#[derive(Debug)]
struct InParts(MemoryStore<u64>, Arc<AtomicUsize>);

impl LogStore<u64, ()> for InParts {
    type Error = Infallible;

    async fn get_raw_log_page(
        &self,
        public_key: &PublicKey,
        log_id: &u64,
        from: LogCursor,
        max_bytes: usize,
    ) -> Result<Option<RawLogPage>, Infallible> {
        let page = self.0.get_raw_log_page(public_key, log_id, from, max_bytes);
        let page = page.await?;
        let operations = page.as_ref().map_or(0, |page| page.operations.len());
        self.1.fetch_add(operations, Ordering::Relaxed);
        Ok(page)
    }

    async fn get_raw_log(
        &self,
        public_key: &PublicKey,
        log_id: &u64,
        from: Option<u64>,
    ) -> Result<Option<Vec<RawOperation>>, Infallible> {
        let log = self.0.get_raw_log(public_key, log_id, from).await?;
        let operations = log.as_ref().map_or(0, Vec::len);
        self.1.fetch_add(operations, Ordering::Relaxed);
        Ok(log)
    }

    async fn latest_operation(
        &self,
        public_key: &PublicKey,
        log_id: &u64,
    ) -> Result<Option<Operation>, Infallible> {
        self.0.latest_operation(public_key, log_id).await
    }

    async fn get_log(
        &self,
        _: &PublicKey,
        _: &u64,
        _: Option<u64>,
    ) -> Result<Option<Vec<Operation>>, Infallible> {
        unreachable!("sync reads encoded operations")
    }

    async fn get_log_heights(&self, _: &u64) -> Result<Vec<(PublicKey, u64)>, Infallible> {
        unreachable!("sync asks for the height of one log")
    }

    async fn delete_operations(
        &mut self,
        _: &PublicKey,
        _: &u64,
        _: u64,
    ) -> Result<bool, Infallible> {
        unreachable!("sync does not delete")
    }

    async fn delete_payloads(
        &mut self,
        _: &PublicKey,
        _: &u64,
        _: u64,
        _: u64,
    ) -> Result<bool, Infallible> {
        unreachable!("sync does not delete")
    }
}

/// The same store, which knows of no parts.
#[derive(Debug)]
struct WholeLogs(InParts);

impl LogStore<u64, ()> for WholeLogs {
    type Error = Infallible;

    async fn get_raw_log(
        &self,
        public_key: &PublicKey,
        log_id: &u64,
        from: Option<u64>,
    ) -> Result<Option<Vec<RawOperation>>, Infallible> {
        self.0.get_raw_log(public_key, log_id, from).await
    }

    async fn latest_operation(
        &self,
        public_key: &PublicKey,
        log_id: &u64,
    ) -> Result<Option<Operation>, Infallible> {
        self.0.latest_operation(public_key, log_id).await
    }

    async fn get_log(
        &self,
        public_key: &PublicKey,
        log_id: &u64,
        from: Option<u64>,
    ) -> Result<Option<Vec<Operation>>, Infallible> {
        self.0.get_log(public_key, log_id, from).await
    }

    async fn get_log_heights(&self, log_id: &u64) -> Result<Vec<(PublicKey, u64)>, Infallible> {
        self.0.get_log_heights(log_id).await
    }

    async fn delete_operations(
        &mut self,
        public_key: &PublicKey,
        log_id: &u64,
        before: u64,
    ) -> Result<bool, Infallible> {
        self.0.delete_operations(public_key, log_id, before).await
    }

    async fn delete_payloads(
        &mut self,
        public_key: &PublicKey,
        log_id: &u64,
        from: u64,
        to: u64,
    ) -> Result<bool, Infallible> {
        self.0.delete_payloads(public_key, log_id, from, to).await
    }
}
