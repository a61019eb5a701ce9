// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that gossip keeps nothing of the topics which were left.
use std::time::Duration;

use p2panda_core::Topic;
use tokio::time::timeout;
use tokio_stream::StreamExt;

use crate::gossip::Gossip;
use crate::test_utils::test_args;
use crate::{AddressBook, Endpoint};

/// Far more than any test here takes, it only ends those which would hang.
const HANG_GUARD: Duration = Duration::from_secs(30);

async fn spawn_gossip() -> Gossip {
    let args = test_args();
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let endpoint = Endpoint::builder(address_book.clone())
        .config(args.iroh_config)
        .signing_key(args.signing_key)
        .spawn()
        .await
        .unwrap();
    Gossip::builder(address_book, endpoint)
        .spawn()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_topic_which_was_left_is_forgotten() {
    let gossip = spawn_gossip().await;

    for _ in 0..16 {
        let handle = gossip.stream(Topic::random()).await.unwrap();
        drop(handle);
    }

    let topics = gossip.senders.read().await.len();
    assert!(topics <= 1, "{topics} of 16 topics are kept");
}

#[tokio::test]
async fn concurrent_calls_join_a_topic_once() {
    let gossip = spawn_gossip().await;
    let topic = Topic::random();

    let (first, second) = tokio::join!(gossip.stream(topic), gossip.stream(topic));
    let (first, second) = (first.unwrap(), second.unwrap());

    // Dropping one of them does not leave the overlay under the other.
    drop(first);
    let _third = gossip.stream(topic).await.unwrap();
    assert!(second.publish(b"still here").await.is_ok());
    assert_eq!(gossip.senders.read().await.len(), 1);
    let sessions = gossip.inner.read().await.actor_ref.get_children().len();
    assert_eq!(sessions, 1);
}

#[tokio::test]
async fn a_topic_whose_session_ended_can_be_joined_again() {
    let gossip = spawn_gossip().await;
    let topic = Topic::random();

    let mut ended = gossip.stream(topic).await.unwrap().subscribe();
    let session = gossip.inner.read().await.actor_ref.get_children()[0].clone();
    session.stop(None);
    assert!(timeout(HANG_GUARD, ended.next()).await.unwrap().is_none());

    let handle = gossip.stream(topic).await.unwrap();
    drop(ended);

    // Comes after the message of the subscription which was dropped, if there was any.
    let _events = gossip.events().await.unwrap();
    assert!(handle.publish(b"joined again").await.is_ok());
    let sessions = gossip.inner.read().await.actor_ref.get_children().len();
    assert_eq!(sessions, 1);
}
