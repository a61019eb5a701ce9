//! Who becomes a neighbor, and who is asked to.

use std::ops::Range;

use n0_future::time::Instant;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::{ForwardJoin, Message, Neighbor, Priority, ShuffleReply, Timer, Ttl};
use crate::proto::{
    plumtree,
    topic::{self, InEvent, OutEvent},
    Command, Event, PeerData, PeerInfo,
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn a_peer_that_was_only_heard_of_takes_a_neighbors_place_once_it_answers() {
    let mut topic = topic(5);
    let events = receive(&mut topic, 1, forward_join(7));
    assert_eq!(events, asked(7));
    assert_eq!(neighbors(&topic), [1, 2, 3, 4, 5]);
    assert_eq!(topic.sizes().eager_peers, 5);

    let events = receive(&mut topic, 7, neighbor());
    assert!(events.contains(&OutEvent::EmitEvent(Event::NeighborUp(7))));
    assert!(neighbors(&topic).contains(&7));
    assert_eq!(topic.sizes().active_peers, 5);
    assert_eq!(topic.sizes().eager_peers, 5);
}

#[test]
fn a_thousand_invented_peers_take_no_place_of_a_neighbor() {
    let mut topic = topic(5);
    for invented in 1000..2000 {
        receive(&mut topic, 1, forward_join(invented));
    }
    assert_eq!(neighbors(&topic), [1, 2, 3, 4, 5]);
    let sizes = topic.sizes();
    assert_eq!(sizes.passive_peers, 0);
    assert_eq!(sizes.pending_neighbor_requests, 0);
    assert_eq!(sizes.peer_data, 0);
}

#[test]
fn on_the_word_of_a_stranger_nobody_becomes_a_neighbor() {
    for known in 0..=4 {
        let mut topic = topic(known);
        let mut events = receive(&mut topic, 1000, forward_join(7));
        events.retain(|event| !matches!(event, OutEvent::ScheduleTimer(..)));
        assert_eq!(events[..2], asked(7));
        assert_eq!(neighbors(&topic).len(), known as usize);
    }
}

#[test]
fn an_invented_peer_that_a_neighbor_introduces_does_not_stay() {
    let mut topic = topic(3);
    for invented in 1000..2000 {
        receive(&mut topic, 1, forward_join(invented));
    }
    assert_eq!(neighbors(&topic).len(), 5);
    for invented in 1000..2000 {
        time_out(&mut topic, invented);
    }
    assert_eq!(neighbors(&topic), [1, 2, 3]);
    let sizes = topic.sizes();
    assert_eq!(sizes.eager_peers, 3);
    assert_eq!(sizes.passive_peers, 0);
    assert_eq!(sizes.pending_neighbor_requests, 0);
}

#[test]
fn an_introduced_peer_that_sends_anything_stays() {
    let frames: [topic::Message<u64>; 2] = [neighbor().into(), plumtree::Message::Prune.into()];
    for frame in frames {
        let mut topic = topic(3);
        receive(&mut topic, 1, forward_join(7));
        let _ = topic.handle(InEvent::RecvMessage(7, frame), Instant::now());
        time_out(&mut topic, 7);
        assert_eq!(neighbors(&topic), [1, 2, 3, 7]);
        assert_eq!(topic.sizes().pending_neighbor_requests, 0);
    }
}

#[test]
fn a_peer_that_joins_while_it_is_asked_to_become_a_neighbor_stays() {
    let mut topic = topic(2);
    know(&mut topic, 7..8);
    let event = InEvent::PeerDisconnected(1);
    let _ = topic.handle(event, Instant::now());
    assert_eq!(topic.sizes().pending_neighbor_requests, 1);
    receive(&mut topic, 7, Message::Join(None));
    time_out(&mut topic, 7);
    assert_eq!(neighbors(&topic), [2, 7]);
}

#[test]
fn a_node_that_leaves_asks_nobody_to_become_its_neighbor() {
    let mut topic = topic(5);
    know(&mut topic, 1000..1005);

    let quit = InEvent::Command(Command::Quit);
    let events: Vec<_> = topic.handle(quit, Instant::now()).collect();
    let told = events.iter().filter_map(|event| match event {
        OutEvent::SendMessage(peer, topic::Message::Swarm(message)) => Some((*peer, message)),
        _ => None,
    });
    let (peers, messages): (Vec<u64>, Vec<_>) = told.unzip();
    assert_eq!(peers.len(), 5, "{peers:?}");
    assert!(peers.iter().all(|peer| *peer <= 5), "{peers:?}");
    let disconnect = |message: &&Message<u64>| matches!(message, Message::Disconnect(_));
    assert!(messages.iter().all(disconnect), "{messages:?}");
}

fn topic(neighbors: u64) -> Topic {
    let mut topic = Topic::with_rng(99, None, Default::default(), ChaCha12Rng::seed_from_u64(0));
    for peer in 1..=neighbors {
        receive(&mut topic, peer, Message::Join(None));
    }
    topic
}

/// Lets a topic know peers that are no neighbors.
fn know(topic: &mut Topic, ids: Range<u64>) {
    let nodes = ids.map(|id| PeerInfo { id, data: None }).collect();
    receive(topic, 2, Message::ShuffleReply(ShuffleReply { nodes }));
}

/// Lets the time be over in which a peer had to answer.
fn time_out(topic: &mut Topic, peer: u64) {
    let timer = Timer::PendingNeighborRequest(peer).into();
    let _ = topic.handle(InEvent::TimerExpired(timer), Instant::now());
}

fn neighbors(topic: &Topic) -> Vec<u64> {
    let mut neighbors: Vec<u64> = topic.swarm.active_view.iter().copied().collect();
    neighbors.sort();
    neighbors
}

/// What happens where a peer is asked to become a neighbor, and nothing else.
fn asked(peer: u64) -> [OutEvent<u64>; 2] {
    [
        OutEvent::PeerData(peer, data()),
        OutEvent::SendMessage(peer, neighbor().into()),
    ]
}

/// A frame that has come to the end of its walk.
fn forward_join(id: u64) -> Message<u64> {
    Message::ForwardJoin(ForwardJoin {
        peer: PeerInfo {
            id,
            data: Some(data()),
        },
        ttl: Ttl(0),
    })
}

fn neighbor() -> Message<u64> {
    Message::Neighbor(Neighbor {
        priority: Priority::High,
        data: None,
    })
}

fn data() -> PeerData {
    PeerData::new(vec![0; 10])
}

fn receive(topic: &mut Topic, from: u64, message: Message<u64>) -> Vec<OutEvent<u64>> {
    let event = InEvent::RecvMessage(from, message.into());
    topic.handle(event, Instant::now()).collect()
}
