//! What becomes of frames and commands that name ourselves.

use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{ForwardJoin, Message, Shuffle, Ttl};
use crate::proto::{
    topic::{self, InEvent, OutEvent},
    Command, PeerInfo,
};

type Topic = topic::State<u64, ChaCha12Rng>;

const ME: u64 = 99;

#[test]
fn a_forwarded_join_that_names_ourselves_is_refused() {
    for neighbors in 0..=5 {
        for ttl in [0, 3, 6] {
            for from in [1, 1000] {
                let mut topic = topic(neighbors);
                let join = ForwardJoin {
                    peer: PeerInfo { id: ME, data: None },
                    ttl: Ttl(ttl),
                };
                let sent = receive(&mut topic, from, Message::ForwardJoin(join));
                assert_eq!(sent, []);
                assert_eq!(topic.swarm.active_view.len(), neighbors as usize);
                assert_eq!(topic.swarm.passive_view.len(), 0);
            }
        }
    }
}

#[test]
fn a_shuffle_that_came_back_to_us_is_not_answered() {
    let mut topic = topic(5);
    let shuffle = Shuffle {
        origin: ME,
        nodes: vec![],
        ttl: Ttl(0),
    };
    assert_eq!(receive(&mut topic, 1, Message::Shuffle(shuffle)), []);
}

#[test]
fn a_node_that_is_told_to_join_itself_sends_nothing() {
    let mut topic = topic(0);
    let event = InEvent::Command(Command::Join(vec![ME]));
    assert_eq!(sent(topic.handle(event, Instant::now())), []);
}

fn topic(neighbors: u64) -> Topic {
    let mut topic = Topic::with_rng(ME, None, Default::default(), ChaCha12Rng::seed_from_u64(0));
    for peer in 1..=neighbors {
        receive(&mut topic, peer, Message::Join(None));
    }
    topic
}

/// Hands a frame in; what is sent upon it.
fn receive(topic: &mut Topic, from: u64, message: Message<u64>) -> Vec<OutEvent<u64>> {
    sent(topic.handle(InEvent::RecvMessage(from, message.into()), Instant::now()))
}

fn sent(events: impl Iterator<Item = OutEvent<u64>>) -> Vec<OutEvent<u64>> {
    events
        .filter(|event| matches!(event, OutEvent::SendMessage(..)))
        .collect()
}
