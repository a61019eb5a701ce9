//! What becomes of a peer that was asked to be a neighbor, and does not answer.

use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{Config, ForwardJoin, Message, Neighbor, Priority, Shuffle, Timer, Ttl};
use crate::proto::{
    topic::{self, InEvent, OutEvent},
    PeerInfo,
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn every_request_to_be_a_neighbor_has_a_timer() {
    // At the end of a walk, and for a neighbor that joins once more.
    for introduced in [7, 1] {
        let mut topic = topic();
        let events = receive(&mut topic, 1, forward_join(introduced));
        assert!(asks(&events, introduced), "{events:?}");
        assert!(starts_timer(&events, introduced), "{events:?}");
    }
    // A peer that joins through us.
    let mut topic = topic();
    let events = receive(&mut topic, 8, Message::Join(None));
    assert!(asks(&events, 8), "{events:?}");
    assert!(starts_timer(&events, 8), "{events:?}");
}

#[test]
fn silent_peers_do_not_block_the_refill_of_the_active_view() {
    let mut topic = topic();
    // As many as the view has places are introduced, and say nothing.
    let introduced = 10..10 + Config::default().active_view_capacity as u64;
    let mut timers = Vec::new();
    for peer in introduced {
        let events = receive(&mut topic, 1, forward_join(peer));
        assert!(asks(&events, peer), "{events:?}");
        timers.extend(events.iter().filter_map(timer));
    }
    for timer in timers {
        let _ = topic.handle(InEvent::TimerExpired(timer), Instant::now());
    }

    let shuffle = Shuffle {
        origin: 1,
        nodes: vec![PeerInfo { id: 7, data: None }],
        ttl: Ttl(0),
    };
    receive(&mut topic, 1, Message::Shuffle(shuffle));
    // The only neighbor leaves, so that there is room for the peer it told us of.
    let events: Vec<_> = topic
        .handle(InEvent::PeerDisconnected(1), Instant::now())
        .collect();
    assert!(asks(&events, 7), "{events:?}");
}

#[test]
fn a_peer_that_answers_is_a_neighbor_after_its_timer_fired() {
    let mut topic = topic();
    let events = receive(&mut topic, 1, forward_join(7));
    let answer = Neighbor {
        priority: Priority::High,
        data: None,
    };
    receive(&mut topic, 7, Message::Neighbor(answer));
    for timer in events.iter().filter_map(timer) {
        let events: Vec<_> = topic
            .handle(InEvent::TimerExpired(timer), Instant::now())
            .collect();
        assert_eq!(events, []);
    }
    assert!(topic.swarm.active_view.contains(&7));
}

/// A topic with one neighbor, who is confirmed.
fn topic() -> Topic {
    let mut topic = Topic::with_rng(99, None, Default::default(), ChaCha12Rng::seed_from_u64(0));
    let neighbor = Neighbor {
        priority: Priority::High,
        data: None,
    };
    for _ in 0..2 {
        receive(&mut topic, 1, Message::Neighbor(neighbor.clone()));
    }
    topic
}

fn forward_join(id: u64) -> Message<u64> {
    Message::ForwardJoin(ForwardJoin {
        peer: PeerInfo { id, data: None },
        ttl: Ttl(0),
    })
}

fn receive(topic: &mut Topic, from: u64, message: Message<u64>) -> Vec<OutEvent<u64>> {
    topic
        .handle(InEvent::RecvMessage(from, message.into()), Instant::now())
        .collect()
}

fn asks(events: &[OutEvent<u64>], peer: u64) -> bool {
    events.iter().any(|event| {
        matches!(event, OutEvent::SendMessage(to, topic::Message::Swarm(Message::Neighbor(_))) if *to == peer)
    })
}

fn starts_timer(events: &[OutEvent<u64>], peer: u64) -> bool {
    let started = Timer::PendingNeighborRequest(peer).into();
    let mut timers = events.iter().filter_map(timer);
    timers.any(|timer| timer == started)
}

fn timer(event: &OutEvent<u64>) -> Option<topic::Timer<u64>> {
    match event {
        OutEvent::ScheduleTimer(_, timer) => Some(timer.clone()),
        _ => None,
    }
}
