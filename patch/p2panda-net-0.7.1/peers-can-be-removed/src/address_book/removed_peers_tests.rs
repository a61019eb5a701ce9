// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that nothing is left of a node which was removed from the address book.
use std::collections::HashSet;

use p2panda_core::Topic;
use p2panda_store::SqliteStore;
use ractor::thread_local::{ThreadLocalActor, ThreadLocalActorSpawner};
use ractor::{ActorRef, call};
use tokio::sync::mpsc::error::TryRecvError;

use super::{AddressBookActor, ToAddressBookActor};
use crate::NodeId;
use crate::test_utils::test_args;

async fn spawn() -> ActorRef<ToAddressBookActor> {
    let (actor, _handle) = AddressBookActor::spawn(
        None,
        (SqliteStore::temporary().await,),
        ThreadLocalActorSpawner::new(),
    )
    .await
    .unwrap();
    actor
}

async fn insert(actor: &ActorRef<ToAddressBookActor>, topics: &[Topic]) -> NodeId {
    let info = test_args().node_info();
    let node_id = info.node_id;
    call!(actor, ToAddressBookActor::InsertNodeInfo, info)
        .unwrap()
        .unwrap();
    actor
        .send_message(ToAddressBookActor::SetTopics(
            node_id,
            topics.iter().copied().collect(),
        ))
        .unwrap();
    node_id
}

#[tokio::test]
async fn subscribers_learn_that_a_peer_was_removed() {
    let actor = spawn().await;
    let topic = Topic::random();
    let stays = insert(&actor, &[topic]).await;
    let goes = insert(&actor, &[topic]).await;

    let mut node = call!(actor, ToAddressBookActor::WatchNodeInfo, goes, true).unwrap();
    let mut nodes = call!(actor, ToAddressBookActor::WatchTopic, topic, true).unwrap();
    let mut topics = call!(actor, ToAddressBookActor::WatchNodeTopics, goes, true).unwrap();

    assert!(call!(actor, ToAddressBookActor::RemoveNodeInfo, goes).unwrap());

    assert_eq!(node.try_recv().unwrap().value, None);
    assert_eq!(nodes.try_recv().unwrap().value, HashSet::from([stays]));
    assert_eq!(topics.try_recv().unwrap().value, HashSet::new());
}

#[tokio::test]
async fn removing_a_peer_twice_does_no_harm() {
    let actor = spawn().await;
    let node_id = insert(&actor, &[Topic::random()]).await;
    let mut watcher = call!(actor, ToAddressBookActor::WatchNodeInfo, node_id, true).unwrap();

    assert!(call!(actor, ToAddressBookActor::RemoveNodeInfo, node_id).unwrap());
    assert!(!call!(actor, ToAddressBookActor::RemoveNodeInfo, node_id).unwrap());

    assert_eq!(watcher.try_recv().unwrap().value, None);
    assert_eq!(watcher.try_recv(), Err(TryRecvError::Empty));
    let info = call!(actor, ToAddressBookActor::NodeInfo, node_id).unwrap();
    assert_eq!(info, None);
}

#[tokio::test]
async fn topics_of_a_peer_without_addresses_are_removed() {
    let actor = spawn().await;
    let node_id = test_args().verifying_key;
    actor
        .send_message(ToAddressBookActor::AddTopic(node_id, Topic::random()))
        .unwrap();

    assert!(call!(actor, ToAddressBookActor::RemoveNodeInfo, node_id).unwrap());
    assert!(!call!(actor, ToAddressBookActor::RemoveNodeInfo, node_id).unwrap());
}
