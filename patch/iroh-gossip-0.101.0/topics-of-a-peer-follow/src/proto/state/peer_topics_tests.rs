//! Which topics want to keep the connection to a peer.

use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{InEvent, Message, OutEvent, TopicId};
use crate::proto::{hyparview, plumtree, topic, Command, State};

type Node = State<u64, ChaCha12Rng>;

const FIRST: TopicId = TopicId::from_bytes([1; 32]);
const SECOND: TopicId = TopicId::from_bytes([2; 32]);

#[test]
fn a_connection_is_kept_until_the_last_topic_with_that_neighbor_is_left() {
    let mut node = node();
    receive(&mut node, 7, FIRST, join());
    receive(&mut node, 7, SECOND, join());
    assert!(!quit_disconnects(&mut node, FIRST));
    assert!(quit_disconnects(&mut node, SECOND));
    assert!(node.peer_topics.is_empty());
}

#[test]
fn a_stranger_in_one_topic_keeps_the_connection_of_another() {
    let mut node = node();
    receive(&mut node, 7, FIRST, join());
    let events = receive(&mut node, 7, SECOND, empty_reply());
    assert!(!events.iter().any(is_disconnect), "{events:?}");
}

#[test]
fn a_topic_that_was_left_keeps_no_connection() {
    let mut node = node();
    receive(&mut node, 7, FIRST, plumtree::Message::Prune);
    receive(&mut node, 7, SECOND, join());
    handle(&mut node, InEvent::Command(FIRST, Command::Quit));
    assert!(quit_disconnects(&mut node, SECOND));
    assert!(node.peer_topics.is_empty());
}

#[test]
fn peers_that_are_no_neighbors_leave_no_entry() {
    let mut node = node();
    for stranger in 0..1000 {
        receive(&mut node, stranger, FIRST, plumtree::Message::Prune);
    }
    assert_eq!(node.peer_topics.len(), 0);
}

#[test]
fn a_peer_that_is_gone_leaves_no_entry() {
    let mut node = node();
    receive(&mut node, 7, FIRST, join());
    receive(&mut node, 7, SECOND, plumtree::Message::Prune);
    handle(&mut node, InEvent::PeerDisconnected(7));
    assert_eq!(node.peer_topics.len(), 0);
}

#[test]
fn a_stranger_is_disconnected_after_a_frame_of_the_membership_layer() {
    let mut node = node();
    let events = receive(&mut node, 7, FIRST, empty_reply());
    assert!(events.iter().any(is_disconnect), "{events:?}");
}

/// A node in two topics, without neighbors.
fn node() -> Node {
    let rng = ChaCha12Rng::seed_from_u64(0);
    let mut node = State::new(99, Default::default(), Default::default(), rng);
    for topic in [FIRST, SECOND] {
        handle(&mut node, InEvent::Command(topic, Command::Join(vec![])));
    }
    node
}

fn join() -> hyparview::Message<u64> {
    hyparview::Message::Join(None)
}

/// The frame as it comes from the wire: what stands in it is private.
fn empty_reply() -> hyparview::Message<u64> {
    let reply = postcard::from_bytes(&[0]).expect("no nodes");
    hyparview::Message::ShuffleReply(reply)
}

fn receive(
    node: &mut Node,
    from: u64,
    topic: TopicId,
    message: impl Into<topic::Message<u64>>,
) -> Vec<OutEvent<u64>> {
    let message = message.into();
    handle(node, InEvent::RecvMessage(from, Message { topic, message }))
}

fn quit_disconnects(node: &mut Node, topic: TopicId) -> bool {
    let events = handle(node, InEvent::Command(topic, Command::Quit));
    events.iter().any(is_disconnect)
}

fn is_disconnect(event: &OutEvent<u64>) -> bool {
    matches!(event, OutEvent::DisconnectPeer(7))
}

fn handle(node: &mut Node, event: InEvent<u64>) -> Vec<OutEvent<u64>> {
    node.handle(event, Instant::now(), None).collect()
}
