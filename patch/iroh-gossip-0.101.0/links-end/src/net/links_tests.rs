//! Which connections end, and what becomes of their peers.

use std::{sync::Arc, time::Duration};

use iroh::Watcher;
use n0_future::time::timeout;

use super::{
    common_tests::{in_time, Node, Peer},
    Actor, Gossip, GossipAddressLookup, LocalActorMessage, Metrics,
};
use crate::proto::{state::MessageKind, HyparviewConfig};

#[tokio::test]
async fn a_connection_that_no_topic_needs_is_closed_after_the_last_frame_is_delivered() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let neighbor = Peer::bind().await;
    let mut link = neighbor.join(&alice).await;
    alice_topic.neighbor_up(neighbor.id()).await;

    drop(alice_topic);

    let mut last = None;
    while let Some(message) = link.received().await {
        last = Some(message);
    }
    assert!(last.unwrap().is_disconnect());
    link.closed().await;
}

#[tokio::test]
async fn a_connection_that_another_one_replaced_is_closed() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let peer = Peer::bind().await;
    let old = peer.join(&alice).await;
    alice_topic.neighbor_up(peer.id()).await;

    let mut new = peer.join(&alice).await;

    old.closed().await;
    alice_topic.broadcast("to the same neighbor").await;
    while let MessageKind::Control = new.received().await.unwrap().kind() {}
    assert_eq!(alice_topic.rx.neighbors().collect::<Vec<_>>(), [peer.id()]);
}

#[tokio::test]
async fn a_peer_that_connects_and_says_nothing_is_disconnected() {
    let alice = Node::spawn().await;
    let silent = Peer::bind().await;
    silent.connect(&alice).await.closed().await;
}

#[tokio::test]
async fn a_neighbor_that_takes_no_more_messages_is_disconnected() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let neighbor = Peer::bind().await;
    let mut link = neighbor.join(&alice).await;
    alice_topic.neighbor_up(neighbor.id()).await;

    link.stop_receiving().await;

    let tx = alice_topic.tx.clone();
    let broadcasts = async {
        loop {
            tx.broadcast("can not be delivered".into()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = broadcasts => {}
        _ = alice_topic.neighbor_down(neighbor.id()) => {}
    }
    link.closed().await;
}

#[tokio::test]
async fn a_neighbor_whose_stream_can_not_be_read_is_disconnected() {
    let alice = Node::spawn().await;
    let mut alice_topic = alice.join(&[]).await;
    let neighbor = Peer::bind().await;
    let link = neighbor.join(&alice).await;
    alice_topic.neighbor_up(neighbor.id()).await;

    let mut stream = link.conn.open_uni().await.unwrap();
    stream.write_all(&[0, 0, 0, 1]).await.unwrap();
    stream.finish().unwrap();

    alice_topic.neighbor_down(neighbor.id()).await;
    link.closed().await;
}

#[tokio::test]
async fn a_stranger_that_left_is_dialed_when_it_is_to_be_joined() {
    let alice = Node::spawn().await;
    let alice_topic = alice.join(&[]).await;
    let stranger = Peer::known_to(&alice).await;
    let link = stranger.connect(&alice).await;
    link.conn.close(0u32.into(), b"bye");

    let dialed = async {
        // The first of them may come before the node hears that the stranger left.
        while timeout(Duration::from_millis(50), stranger.endpoint.accept())
            .await
            .is_err()
        {
            let join = alice_topic.tx.join_peers(vec![stranger.id()]);
            join.await.unwrap();
        }
    };
    in_time(dialed).await;
}

#[tokio::test]
async fn nothing_is_left_of_strangers_that_connected_and_left() {
    let node = Peer::bind().await;
    let (mut actor, _rpc, connections) = Actor::new(
        node.endpoint.clone(),
        Default::default(),
        Arc::new(Metrics::default()),
        None,
        GossipAddressLookup::default(),
    );
    let mut strangers = Vec::new();
    for _ in 0..10 {
        let stranger = Peer::bind().await;
        let (theirs, ours) = tokio::join!(stranger.connect_to(&node.endpoint), async {
            node.dialed().await.await.unwrap()
        });
        let visit = LocalActorMessage::HandleConnection(ours);
        connections.send(visit).await.ok().unwrap();
        theirs.conn.close(0u32.into(), b"bye");
        strangers.push(stranger);
    }

    let mut addresses = node.endpoint.watch_addr().stream();
    let steps = async {
        loop {
            let step = actor.event_loop(&mut addresses, 0);
            timeout(Duration::from_millis(50), step).await.ok();
            if connections.capacity() == connections.max_capacity()
                && actor.connection_tasks.is_empty()
            {
                break;
            }
        }
    };
    in_time(steps).await;
    assert_eq!(actor.peers.len(), 0, "peers that are known");
}

/// What filled the memory of nodes: a link for each shuffle.
#[tokio::test]
async fn nodes_that_shuffled_and_left_hold_no_connection() {
    let shuffles = HyparviewConfig {
        active_view_capacity: 1,
        shuffle_interval: Duration::from_millis(100),
        ..Default::default()
    };
    let mut nodes = Vec::new();
    for _ in 0..4 {
        let builder = Gossip::builder().membership_config(shuffles.clone());
        nodes.push(Node::spawn_with(builder).await);
    }
    let mut topics = Vec::new();
    for node in &nodes {
        for other in &nodes {
            node.knows(other.endpoint());
        }
        topics.push(node.subscribe(vec![nodes[0].id()]).await);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;

    drop(topics);
    let all_closed = async {
        while nodes.iter().any(|node| node.open_connections() > 0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    in_time(all_closed).await;
}
