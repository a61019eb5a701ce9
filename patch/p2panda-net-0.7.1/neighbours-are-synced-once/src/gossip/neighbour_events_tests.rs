// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that a neighbour in the overlay of one topic begins one sync session, however many topics
//! there are.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use p2panda_core::Topic;
use p2panda_store::SqliteStore;
use tokio::time::{sleep, timeout};

use crate::gossip::Gossip;
use crate::gossip::actors::ToGossipManager;
use crate::test_utils::{ApplicationArguments, test_args};
use crate::{AddressBook, Endpoint, LogSync};

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(30);

const SYNC_PROTOCOL_ID: &[u8] = b"p2panda/log_sync/v1";

/// Counts the sync sessions which others begin with us, but takes part in none.
#[derive(Clone, Debug, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl ProtocolHandler for Counter {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        connection.closed().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_neighbour_in_one_of_many_topics_begins_one_session() {
    let mut bat_args = test_args();
    let (bat, _) = endpoint(&bat_args).await;
    let counter = Counter::default();
    bat.accept(SYNC_PROTOCOL_ID, counter.clone()).await.unwrap();

    let (ant, known) = endpoint(&test_args()).await;
    let bat_info = bat_args.node_info();
    known.insert_node_info(bat_info).await.unwrap();
    let gossip = Gossip::builder(known, ant.clone()).spawn().await.unwrap();
    let store = SqliteStore::temporary().await;
    let log_sync = LogSync::builder(store, ant, gossip.clone());
    let log_sync: LogSync<SqliteStore, u64, ()> = log_sync.spawn().await.unwrap();

    // Join the overlay of one topic, and then of some more.
    let _first = log_sync.stream(Topic::random(), true).await.unwrap();
    let overlay = *gossip.senders.read().await.keys().next().unwrap();
    let gossip_ref = gossip.inner.read().await.actor_ref.clone();
    let session_id = gossip_ref.get_children()[0].get_id();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(log_sync.stream(Topic::random(), true).await.unwrap());
    }

    // Bat is our neighbour in the first.
    gossip_ref
        .send_message(ToGossipManager::Joined {
            topic: overlay,
            nodes: vec![bat.node_id()],
            session_id,
        })
        .unwrap();

    timeout(HANG_GUARD, async {
        while counter.count() == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();

    // Further sessions would have been begun in the same moment.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(counter.count(), 1);
}

/// An endpoint, and the address book it dials by.
async fn endpoint(args: &ApplicationArguments) -> (Endpoint, AddressBook) {
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let builder = Endpoint::builder(address_book.clone()).signing_key(args.signing_key.clone());
    let builder = builder.config(args.iroh_config.clone());
    (builder.spawn().await.unwrap(), address_book)
}
