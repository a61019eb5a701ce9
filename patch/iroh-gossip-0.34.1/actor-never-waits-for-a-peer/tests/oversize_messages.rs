//! A message that is too large for a frame is refused, and the connections live on.

mod common;

use bytes::Bytes;
use iroh_gossip::net::{util::WriteError, Command, Error, JoinOptions};
use n0_future::StreamExt;

use self::common::{in_time, Node, TOPIC};

#[tokio::test]
async fn a_broadcast_that_no_frame_can_hold_is_refused_and_later_ones_are_delivered() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let alice_topic = alice.join(&[]).await;
    let mut bob_topic = bob.join(&[&alice]).await;

    let too_large = Bytes::from(vec![0; alice.gossip.max_message_size()]);
    let refused = [
        alice_topic.tx.broadcast(too_large.clone()).await,
        alice_topic.tx.broadcast_neighbors(too_large).await,
    ];
    alice_topic.broadcast("small").await;

    assert_eq!(bob_topic.received().await, "small");
    for res in refused {
        assert!(
            matches!(res, Err(Error::Write(WriteError::TooLarge))),
            "{res:?}"
        );
    }
}

#[tokio::test]
async fn the_largest_broadcast_that_is_not_refused_is_delivered() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let alice_topic = alice.join(&[]).await;
    let mut bob_topic = bob.join(&[&alice]).await;

    let mut size = alice.gossip.max_message_size();
    while let Err(err) = alice_topic.tx.broadcast(vec![0; size].into()).await {
        assert!(matches!(err, Error::Write(WriteError::TooLarge)), "{err}");
        size -= 1;
    }

    assert_eq!(bob_topic.received().await.len(), size);
}

#[tokio::test]
async fn commands_from_a_stream_with_a_message_that_no_frame_can_hold_leave_the_connection() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let mut bob_topic = bob.join(&[]).await;
    alice.endpoint().add_node_addr(bob.addr().await).unwrap();

    let (commands_tx, commands) = tokio::sync::mpsc::channel(4);
    let commands = n0_future::stream::unfold(commands, |mut commands| async move {
        commands.recv().await.map(|command| (command, commands))
    });
    let options = JoinOptions::with_bootstrap([bob.id()]);
    let mut events = alice
        .gossip
        .subscribe_with_stream(TOPIC, options, Box::pin(commands));
    in_time(events.next()).await.unwrap().unwrap();

    for content in [Bytes::from(vec![0; 4096]), Bytes::from("small")] {
        commands_tx.send(Command::Broadcast(content)).await.unwrap();
    }
    assert_eq!(bob_topic.received().await, "small");
}
