// SPDX-License-Identifier: MIT OR Apache-2.0

//! A peer to sync many topics with.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
use p2panda_sync::{SyncError, SyncProtocol};
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep};

use crate::engine::ToEngineActor;
use crate::sync::SyncConfiguration;

use super::running_tests::{Node, Reader, ToApp, Writer, in_time, key, peer};

#[tokio::test]
async fn there_are_three_sessions_with_a_peer_at_a_time_and_no_other_peer_waits_for_them() {
    let begun: Arc<Mutex<Vec<_>>> = Arc::default();
    let held = Arc::new(Semaphore::new(0));
    let protocol = Held {
        begun: begun.clone(),
        held: held.clone(),
    };
    let mut ours = Node::start(SyncConfiguration::new(protocol), 64).await;
    let (busy, _serving) = peer(PingPongProtocol {}).await;
    let (other, _serving_too) = peer(PingPongProtocol {}).await;
    ours.knows(&busy).await;
    ours.knows(&other).await;
    for number in 0..10 {
        ours.discovers(key(&busy), topic(BUSY, number)).await;
    }
    ours.discovers(key(&other), topic(OTHER, 0)).await;

    let begun =
        || [BUSY, OTHER].map(|id| begun.lock().unwrap().iter().filter(|it| **it == id).count());
    in_time(async {
        while begun()[0] < 3 || begun()[1] < 1 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(begun(), [3, 1]);

    // What waited for them is made up for, each once.
    held.add_permits(11);
    for _ in 0..11 {
        while !matches!(ours.told().await, ToEngineActor::SyncDone { .. }) {}
    }
    assert_eq!(begun(), [10, 1]);
}

const BUSY: u8 = 1;
const OTHER: u8 = 2;

fn topic(id: u8, number: u8) -> SyncTestTopic {
    let mut topic = SyncTestTopic::new(&number.to_string());
    topic.1 = [id; 32];
    topic
}

/// Ping-pong whose sessions are written down by the id of their topic, and held back at their end.
#[derive(Debug)]
struct Held {
    begun: Arc<Mutex<Vec<u8>>>,
    held: Arc<Semaphore>,
}

#[async_trait]
impl<'a> SyncProtocol<'a, SyncTestTopic> for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    async fn initiate(
        self: Arc<Self>,
        topic: SyncTestTopic,
        tx: Writer<'a>,
        rx: Reader<'a>,
        app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        self.begun.lock().unwrap().push(topic.1[0]);
        let protocol = Arc::new(PingPongProtocol {});
        protocol.initiate(topic, tx, rx, app_tx).await?;
        self.held.acquire().await.unwrap().forget();
        Ok(())
    }

    async fn accept(
        self: Arc<Self>,
        _tx: Writer<'a>,
        _rx: Reader<'a>,
        _app_tx: ToApp<'a>,
    ) -> Result<(), SyncError> {
        unreachable!("nobody dials this node");
    }
}
