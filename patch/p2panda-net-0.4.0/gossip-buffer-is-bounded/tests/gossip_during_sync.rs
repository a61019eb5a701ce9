// SPDX-License-Identifier: MIT OR Apache-2.0

//! A neighbour that never comes to the end of its sync session.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::{Topic, address_of, builder, in_time};
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt, Sink};
use p2panda_core::PublicKey;
use p2panda_core::cbor::encode_cbor;
use p2panda_net::{FromNetwork, SyncConfiguration, ToNetwork};
use p2panda_store::MemoryStore;
use p2panda_sync::log_sync::{LogSyncProtocol, TopicLogMap};
use p2panda_sync::{FromSync, SyncError, SyncProtocol};
use serde::Serialize;
use tokio::time::sleep;

const MESSAGES: u16 = 400;

/// Sockets know no paused time: this one waits until the session has begun.
#[tokio::test]
async fn all_that_a_peer_gossips_arrives_while_its_session_drips_a_byte_a_second() {
    let protocol = LogSyncProtocol::new(NoLogs, MemoryStore::<String, ()>::new());
    let ours = builder().sync(SyncConfiguration::new(protocol));
    let theirs = builder().sync(SyncConfiguration::new(Drips));
    let (ours, theirs) = (ours.build().await.unwrap(), theirs.build().await.unwrap());
    ours.add_peer(address_of(&theirs).await).await.unwrap();
    theirs.add_peer(address_of(&ours).await).await.unwrap();
    let (_tx, mut rx, ready) = ours.subscribe(Topic).await.unwrap();
    let (their_tx, _their_rx, their_ready) = theirs.subscribe(Topic).await.unwrap();
    in_time(ready).await.unwrap();
    in_time(their_ready).await.unwrap();
    in_time(async {
        while ours.stats().await.unwrap().gossip_buffers.locks == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    let flood = tokio::spawn(async move {
        for number in 0..MESSAGES {
            let bytes = number.to_be_bytes().to_vec();
            their_tx.send(ToNetwork::Message { bytes }).await.unwrap();
        }
    });
    for number in 0..MESSAGES {
        let FromNetwork::GossipMessage { bytes, .. } = in_time(rx.recv()).await.unwrap() else {
            panic!("there is nothing to sync");
        };
        assert_eq!(bytes, number.to_be_bytes());
    }
    flood.await.unwrap();
    assert!(ours.stats().await.unwrap().gossip_buffers.locks > 0);

    ours.shutdown().await.unwrap();
    theirs.shutdown().await.unwrap();
}

#[derive(Debug)]
struct NoLogs;

#[async_trait]
impl TopicLogMap<Topic, String> for NoLogs {
    async fn get(&self, _topic: &Topic) -> Option<HashMap<PublicKey, Vec<String>>> {
        Some(HashMap::new())
    }
}

/// Log sync, of which the second message takes a thousand seconds.
#[derive(Debug)]
struct Drips;

#[derive(Serialize)]
#[serde(tag = "type", content = "value")]
enum Message {
    Have(Topic, Vec<(PublicKey, Vec<(String, u64)>)>),
    Data(Vec<u8>, Option<Vec<u8>>),
}

type Writer<'a> = Box<&'a mut (dyn AsyncWrite + Send + Unpin)>;
type Reader<'a> = Box<&'a mut (dyn AsyncRead + Send + Unpin)>;
type ToApp<'a> = Box<&'a mut (dyn Sink<FromSync<Topic>, Error = SyncError> + Send + Unpin)>;

#[async_trait]
impl<'a> SyncProtocol<'a, Topic> for Drips {
    fn name(&self) -> &'static str {
        "drips"
    }

    async fn initiate(
        self: Arc<Self>,
        topic: Topic,
        mut tx: Writer<'a>,
        _rx: Reader<'a>,
        _app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        let have = encode_cbor(&Message::Have(topic, vec![])).unwrap();
        tx.write_all(&have).await?;
        for byte in encode_cbor(&Message::Data(vec![0; 1000], None)).unwrap() {
            tx.write_all(&[byte]).await?;
            sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// The session that the other side begins is over at once.
    async fn accept(
        self: Arc<Self>,
        _tx: Writer<'a>,
        _rx: Reader<'a>,
        _app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        Ok(())
    }
}
