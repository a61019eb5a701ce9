//! What is kept of the data that peers say about themselves, and that others say about them.

use std::ops::Range;

use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{
    Disconnect, ForwardJoin, Message, Neighbor, Priority, Shuffle, ShuffleReply, Timer, Ttl,
};
use crate::proto::{
    topic::{self, InEvent, OutEvent},
    PeerData, PeerInfo,
};

type Topic = topic::State<u64, ChaCha12Rng>;

const ME: u64 = 99;

#[test]
fn shuffles_of_10_000_invented_peers_leave_the_data_of_those_in_the_views() {
    let mut topic = topic();
    for first in (1000..11_000).step_by(8) {
        shuffle(&mut topic, first..first + 8, 10);
    }
    assert_eq!(topic.swarm.active_view.len(), 5);
    assert_eq!(topic.swarm.passive_view.len(), 30);
    assert_eq!(topic.swarm.peer_data.len(), 35);
    assert_eq!(peer_data_bytes(&topic), 350);
}

#[test]
fn data_goes_with_the_peer_however_it_leaves() {
    let mut topic = topic();
    for peer in 1..=5 {
        let disconnect = Disconnect {
            alive: false,
            _respond: false,
        };
        receive(&mut topic, peer, Message::Disconnect(disconnect));
    }
    assert_eq!(topic.swarm.peer_data.len(), 0, "left");

    shuffle(&mut topic, 100..107, 10);
    receive(&mut topic, 1, Message::Join(Some(data(10))));
    let _ = topic.handle(InEvent::PeerDisconnected(1), Instant::now());
    assert_eq!(topic.swarm.peer_data.len(), 7, "is gone");
    for peer in (100..107).cycle().take(100) {
        let timer = Timer::PendingNeighborRequest(peer).into();
        let _ = topic.handle(InEvent::TimerExpired(timer), Instant::now());
    }
    assert_eq!(topic.swarm.passive_view.len(), 0);
    assert_eq!(topic.swarm.peer_data.len(), 0, "did not answer");
}

#[test]
fn nothing_is_kept_of_what_others_say_about_ourselves() {
    let mut topic = topic();
    shuffle(&mut topic, ME..ME + 1, 10);
    receive(&mut topic, 1, forward_join(ME, 10));
    assert_eq!(topic.swarm.peer_data.len(), 5);
}

#[test]
fn of_one_shuffle_eight_peers_are_taken() {
    let mut topic = topic();
    shuffle(&mut topic, 100..120, 10);
    assert_eq!(topic.swarm.passive_view.len(), 8);
    let nodes = nodes(200..220, 10);
    receive(&mut topic, 1, Message::ShuffleReply(ShuffleReply { nodes }));
    assert_eq!(topic.swarm.passive_view.len(), 16);
}

#[test]
fn of_one_shuffle_eight_peers_are_passed_on() {
    let mut topic = topic();
    let shuffle = Shuffle {
        origin: 7,
        nodes: nodes(100..120, 10),
        ttl: Ttl(6),
    };
    let sent = receive(&mut topic, 1, Message::Shuffle(shuffle));
    let [Message::Shuffle(shuffle)] = &sent[..] else {
        panic!("passed on once, but: {sent:?}");
    };
    assert_eq!(shuffle.nodes.len(), 8);
}

#[test]
fn data_of_more_than_1_kib_is_not_kept_and_the_peer_is() {
    let mut topic = topic();
    let neighbor = Neighbor {
        priority: Priority::High,
        data: Some(data(3000)),
    };
    receive(&mut topic, 6, Message::Join(Some(data(3000))));
    receive(&mut topic, 7, Message::Neighbor(neighbor));
    shuffle(&mut topic, 100..101, 3000);
    // A walk at the hop where the peer enters the passive view.
    let sent = receive(&mut topic, 1, forward_join(101, 3000));
    assert!(!sent.is_empty(), "passed on");
    let data_of = |message: &Message<u64>| match message {
        Message::ForwardJoin(join) => join.peer.data.clone(),
        _ => None,
    };
    assert_eq!(sent.iter().find_map(data_of), None);

    assert_eq!(topic.swarm.active_view.len(), 5);
    // The two, and the two neighbors that made place.
    assert_eq!(topic.swarm.passive_view.len(), 4);
    assert_eq!(peer_data_bytes(&topic), 50);
}

/// A topic with five neighbors, of each of whom 10 bytes are kept.
fn topic() -> Topic {
    let mut topic = Topic::with_rng(ME, None, Default::default(), ChaCha12Rng::seed_from_u64(0));
    for peer in 1..=5 {
        receive(&mut topic, peer, Message::Join(Some(data(10))));
    }
    topic
}

fn peer_data_bytes(topic: &Topic) -> usize {
    let data = topic.swarm.peer_data.values();
    data.map(|data| data.inner().len()).sum()
}

fn data(bytes: usize) -> PeerData {
    PeerData::new(vec![0; bytes])
}

fn nodes(ids: Range<u64>, bytes: usize) -> Vec<PeerInfo<u64>> {
    let node = |id| PeerInfo {
        id,
        data: Some(data(bytes)),
    };
    ids.map(node).collect()
}

/// Hands in a shuffle at the end of its walk.
fn shuffle(topic: &mut Topic, ids: Range<u64>, bytes: usize) {
    let shuffle = Shuffle {
        origin: 7,
        nodes: nodes(ids, bytes),
        ttl: Ttl(0),
    };
    receive(topic, 1, Message::Shuffle(shuffle));
}

fn forward_join(id: u64, bytes: usize) -> Message<u64> {
    let peer = PeerInfo {
        id,
        data: Some(data(bytes)),
    };
    Message::ForwardJoin(ForwardJoin { peer, ttl: Ttl(3) })
}

/// Hands a frame in; what is sent upon it.
fn receive(topic: &mut Topic, from: u64, message: Message<u64>) -> Vec<Message<u64>> {
    topic
        .handle(InEvent::RecvMessage(from, message.into()), Instant::now())
        .filter_map(|event| match event {
            OutEvent::SendMessage(_, topic::Message::Swarm(message)) => Some(message),
            _ => None,
        })
        .collect()
}
