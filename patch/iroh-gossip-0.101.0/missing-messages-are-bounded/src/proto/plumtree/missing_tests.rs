//! What is kept of messages that were announced and never came.

use bytes::Bytes;
use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{DeliveryScope, Gossip, IHave, Message, MessageId, Round, Timer};
use crate::proto::{
    hyparview,
    topic::{self, InEvent, OutEvent},
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn of_100_000_random_ids_that_a_neighbor_announces_4096_are_kept() {
    let mut topic = topic();
    become_neighbor(&mut topic, 1);
    for id in 0..100_000 {
        announce(&mut topic, 1, id);
    }
    assert_eq!(topic.gossip.missing_messages.len(), 4096);
}

#[test]
fn strangers_share_what_they_may_announce_and_take_nothing_from_neighbors() {
    let mut topic = topic();
    become_neighbor(&mut topic, 1);
    for stranger in 1000..2000 {
        for id in 0..100 {
            announce(&mut topic, stranger, stranger * 100 + id);
        }
    }
    assert_eq!(topic.gossip.missing_messages.len(), 4096);
    assert!(announce(&mut topic, 1, 0), "the neighbor's is followed");
}

#[test]
fn a_message_that_nobody_has_is_asked_of_each_and_then_forgotten() {
    let mut topic = topic();
    for peer in 1..=3 {
        become_neighbor(&mut topic, peer);
        announce(&mut topic, peer, 7);
    }
    for peer in 1..=3 {
        let [(asked, true)] = graft_timer(&mut topic, 7)[..] else {
            panic!("one peer is asked, and another timer started");
        };
        assert_eq!(asked, peer);
        assert_eq!(topic.gossip.missing_messages.len(), 1);
    }
    assert_eq!(graft_timer(&mut topic, 7), []);
    assert_eq!(topic.gossip.missing_messages.len(), 0);
}

#[test]
fn a_message_that_was_asked_for_in_vain_is_asked_for_when_it_is_announced_again() {
    let mut topic = topic();
    become_neighbor(&mut topic, 1);
    assert!(announce(&mut topic, 1, 7));
    assert_eq!(graft_timer(&mut topic, 7), [(1, true)]);
    assert_eq!(graft_timer(&mut topic, 7), []);
    assert!(announce(&mut topic, 1, 7), "a timer is started");
    assert_eq!(graft_timer(&mut topic, 7), [(1, true)]);
}

#[test]
fn of_those_who_announce_one_message_eight_are_asked_each_once() {
    let mut topic = topic();
    for _ in 0..10 {
        for peer in 0..20 {
            announce(&mut topic, peer, 7);
        }
    }
    let mut asked = Vec::new();
    while let [(peer, _)] = graft_timer(&mut topic, 7)[..] {
        asked.push(peer);
    }
    assert_eq!(asked, Vec::from_iter(0..8));
}

#[test]
fn what_a_neighbor_announced_goes_with_it() {
    let mut topic = topic();
    for _ in 0..3 {
        for peer in 1..=2 {
            become_neighbor(&mut topic, peer);
        }
        for id in 0..1000 {
            announce(&mut topic, 1, id);
            announce(&mut topic, 2, id + 500);
        }
        assert_eq!(topic.gossip.missing_messages.len(), 1500);
        disconnect(&mut topic, 1);
        assert_eq!(topic.gossip.missing_messages.len(), 1000);
        disconnect(&mut topic, 2);
        assert_eq!(topic.gossip.missing_messages.len(), 0);
    }
}

#[test]
fn messages_that_arrive_do_not_count_against_those_who_announced_them() {
    let mut topic = topic();
    become_neighbor(&mut topic, 1);
    become_neighbor(&mut topic, 2);
    for id in 0..10_000 {
        assert!(announce(&mut topic, 1, id), "message {id} is followed");
        announce(&mut topic, 2, id);
        announce(&mut topic, 3, id);
        receive(&mut topic, id);
    }
    assert_eq!(topic.gossip.missing_messages.len(), 0);
}

fn topic() -> Topic {
    Topic::with_rng(99, None, Default::default(), ChaCha12Rng::seed_from_u64(0))
}

fn handle(topic: &mut Topic, event: InEvent<u64>) -> Vec<OutEvent<u64>> {
    topic.handle(event, Instant::now()).collect()
}

fn become_neighbor(topic: &mut Topic, peer: u64) {
    let join = hyparview::Message::Join(None);
    handle(topic, InEvent::RecvMessage(peer, join.into()));
}

fn disconnect(topic: &mut Topic, peer: u64) {
    handle(topic, InEvent::PeerDisconnected(peer));
}

/// Announces the message that says its id; whether a timer was started to ask for it.
fn announce(topic: &mut Topic, peer: u64, id: u64) -> bool {
    let ihave = IHave {
        id: message_id(id),
        round: Round(1),
    };
    let message = Message::IHave(vec![ihave]).into();
    handle(topic, InEvent::RecvMessage(peer, message))
        .iter()
        .any(|event| is_graft_timer(event, id))
}

fn receive(topic: &mut Topic, id: u64) {
    let gossip = Gossip {
        id: message_id(id),
        content: content(id),
        scope: DeliveryScope::Swarm(Round(1)),
    };
    handle(
        topic,
        InEvent::RecvMessage(1, Message::Gossip(gossip).into()),
    );
}

/// Lets the timer of a message fire. Who was asked for it, and whether the timer was started again.
fn graft_timer(topic: &mut Topic, id: u64) -> Vec<(u64, bool)> {
    let timer = Timer::SendGraft(message_id(id)).into();
    let events = handle(topic, InEvent::TimerExpired(timer));
    let is_restarted = events.iter().any(|event| is_graft_timer(event, id));
    let asked = events.iter().filter_map(|event| match event {
        OutEvent::SendMessage(peer, topic::Message::Gossip(Message::Graft(_))) => Some(*peer),
        _ => None,
    });
    asked.map(|peer| (peer, is_restarted)).collect()
}

fn is_graft_timer(event: &OutEvent<u64>, id: u64) -> bool {
    let timer = Timer::SendGraft(message_id(id)).into();
    matches!(event, OutEvent::ScheduleTimer(_, started) if *started == timer)
}

fn content(id: u64) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

fn message_id(id: u64) -> MessageId {
    MessageId::from_content(&content(id))
}
