// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that the network can't fill the address book, and that nodes which are gone leave it.
use std::time::Duration;

use p2panda_core::{SigningKey, Topic};
use p2panda_store::SqliteStore;
use p2panda_store::address_book::AddressBookStore;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use ractor::{ActorRef, call, concurrency};
use tokio::time::{advance, pause, resume};

use super::{AddressBookActor, AddressBookState, ToAddressBookActor};
use crate::NodeId;
use crate::address_book::report::ConnectionOutcome;
use crate::addrs::{NodeInfo, TransportAddress, TransportInfo, UnsignedTransportInfo};

/// Signed transport info of a new node, with this many addresses.
fn transport_info(addresses: u16) -> (NodeId, TransportInfo) {
    let signing_key = SigningKey::generate();
    let node_id = signing_key.verifying_key();
    let mut unsigned = UnsignedTransportInfo::new();
    unsigned.add_addr(TransportAddress::from_iroh(
        node_id,
        None,
        (1..=addresses).map(|port| ([127, 0, 0, 1], port).into()),
    ));
    (node_id, unsigned.sign(&signing_key).unwrap().into())
}

async fn spawn(store: SqliteStore) -> ActorRef<ToAddressBookActor> {
    let (actor, _handle) = AddressBookActor::spawn(None, (store,), ThreadLocalActorSpawner::new())
        .await
        .unwrap();
    actor
}

#[tokio::test]
async fn the_address_book_keeps_to_its_bound() {
    let store = SqliteStore::temporary().await;
    let actor = spawn(store.clone()).await;
    let bootstrap = SigningKey::generate().verifying_key();
    let info = NodeInfo::new(bootstrap).bootstrap();
    call!(actor, ToAddressBookActor::InsertNodeInfo, info)
        .unwrap()
        .unwrap();

    for _ in 0..1030 {
        let info = NodeInfo::new(SigningKey::generate().verifying_key());
        call!(actor, ToAddressBookActor::InsertNodeInfo, info)
            .unwrap()
            .unwrap();
    }

    // Strangers don't take the place of what the application added.
    let (stranger, info) = transport_info(1);
    call!(
        actor,
        ToAddressBookActor::InsertTransportInfo,
        stranger,
        info
    )
    .unwrap()
    .unwrap();
    let info = call!(actor, ToAddressBookActor::NodeInfo, stranger).unwrap();
    assert_eq!(info, None);

    let info = call!(actor, ToAddressBookActor::NodeInfo, bootstrap).unwrap();
    assert!(info.is_some());
    let nodes = AddressBookStore::<NodeId, NodeInfo>::all_nodes_len(&store)
        .await
        .unwrap();
    assert!(nodes <= 1024, "{nodes} nodes are in the address book");
}

#[tokio::test]
async fn a_node_with_addresses_without_end_is_not_taken() {
    let actor = spawn(SqliteStore::temporary().await).await;

    let (node_id, info) = transport_info(1000);
    call!(
        actor,
        ToAddressBookActor::InsertTransportInfo,
        node_id,
        info
    )
    .unwrap()
    .unwrap();

    let info = call!(actor, ToAddressBookActor::NodeInfo, node_id).unwrap();
    assert_eq!(info, None);
}

/// The address book without its own thread, which keeps its own time.
struct Book {
    actor: ActorRef<ToAddressBookActor>,
    state: AddressBookState,
}

impl Book {
    async fn new() -> Self {
        let store = SqliteStore::temporary().await;
        let actor = spawn(store.clone()).await;
        let state = AddressBookActor
            .pre_start(actor.clone(), (store,))
            .await
            .unwrap();
        Self { actor, state }
    }

    async fn tell(&mut self, message: ToAddressBookActor) {
        AddressBookActor
            .handle(self.actor.clone(), message, &mut self.state)
            .await
            .unwrap();
    }

    async fn discover(&mut self) -> NodeId {
        let (node_id, info) = transport_info(1);
        let (tx, rx) = concurrency::oneshot();
        self.tell(ToAddressBookActor::InsertTransportInfo(
            node_id,
            info,
            tx.into(),
        ))
        .await;
        rx.await.unwrap().unwrap();
        node_id
    }

    async fn knows(&mut self, node_id: NodeId) -> bool {
        let (tx, rx) = concurrency::oneshot();
        self.tell(ToAddressBookActor::NodeInfo(node_id, tx.into()))
            .await;
        rx.await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_node_we_have_not_heard_of_for_an_hour_is_forgotten() {
    let mut book = Book::new().await;
    let gone = book.discover().await;
    let topic = Topic::random();
    book.tell(ToAddressBookActor::SetTopics(gone, [topic].into()))
        .await;
    let reached = book.discover().await;
    let added = SigningKey::generate().verifying_key();
    let (tx, rx) = concurrency::oneshot();
    book.tell(ToAddressBookActor::InsertNodeInfo(
        NodeInfo::new(added),
        tx.into(),
    ))
    .await;
    rx.await.unwrap().unwrap();

    for _ in 0..2 {
        pause();
        advance(Duration::from_secs(40 * 60)).await;
        resume();
        book.tell(ToAddressBookActor::Report(
            reached,
            ConnectionOutcome::Successful,
        ))
        .await;
        book.tell(ToAddressBookActor::Report(gone, ConnectionOutcome::Failed))
            .await;
    }

    assert!(!book.knows(gone).await);
    assert!(book.knows(reached).await);
    assert!(book.knows(added).await);
    let topics = book.state.topics_for_node(&gone).await.unwrap();
    assert!(topics.is_empty());
}
