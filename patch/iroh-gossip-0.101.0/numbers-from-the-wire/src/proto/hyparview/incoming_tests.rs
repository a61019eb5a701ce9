//! How far a frame of a peer is passed on, whatever it says.

use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{ForwardJoin, Message, Shuffle, Ttl};
use crate::proto::{
    topic::{self, InEvent, OutEvent},
    PeerInfo,
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn a_forwarded_join_walks_no_further_than_our_own_would() {
    for (ttl, passed_on) in [(u16::MAX, 5), (7, 5), (6, 5), (2, 1)] {
        let join = ForwardJoin {
            peer: PeerInfo { id: 7, data: None },
            ttl: Ttl(ttl),
        };
        let sent = receive(&mut topic(), Message::ForwardJoin(join));
        let [Message::ForwardJoin(join)] = &sent[..] else {
            panic!("passed on once, but: {sent:?}");
        };
        assert_eq!(join.ttl, Ttl(passed_on), "of {ttl}");
    }
}

#[test]
fn a_shuffle_walks_no_further_than_our_own_would() {
    for (ttl, passed_on) in [(u16::MAX, 5), (7, 5), (6, 5), (2, 1)] {
        let shuffle = Shuffle {
            origin: 7,
            nodes: vec![],
            ttl: Ttl(ttl),
        };
        let sent = receive(&mut topic(), Message::Shuffle(shuffle));
        let [Message::Shuffle(shuffle)] = &sent[..] else {
            panic!("passed on once, but: {sent:?}");
        };
        assert_eq!(shuffle.ttl, Ttl(passed_on), "of {ttl}");
    }
}

/// A topic with five neighbors.
fn topic() -> Topic {
    let mut topic = Topic::with_rng(99, None, Default::default(), ChaCha12Rng::seed_from_u64(0));
    for peer in 1..=5 {
        let event = InEvent::RecvMessage(peer, Message::Join(None).into());
        let _ = topic.handle(event, Instant::now());
    }
    topic
}

/// Hands a frame of a neighbor in; what is sent upon it.
fn receive(topic: &mut Topic, message: Message<u64>) -> Vec<Message<u64>> {
    topic
        .handle(InEvent::RecvMessage(1, message.into()), Instant::now())
        .filter_map(|event| match event {
            OutEvent::SendMessage(_, topic::Message::Swarm(message)) => Some(message),
            _ => None,
        })
        .collect()
}
