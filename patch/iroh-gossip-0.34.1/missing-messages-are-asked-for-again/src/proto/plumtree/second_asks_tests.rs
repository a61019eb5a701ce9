//! A message is asked for again where the answer was lost.

use std::collections::VecDeque;

use n0_future::time::{Duration, Instant};

use super::{Config, IHave, InEvent, Message, MessageId, Round, State, Timer};
use crate::proto::topic;

const ID: [u8; 32] = [7; 32];

#[test]
fn a_message_is_asked_for_again_for_as_long_as_those_who_announced_it_keep_it() {
    let mut state = State::new(0, Config::default());
    announce(&mut state, 1);
    announce(&mut state, 2);

    let (mut asked, mut waits) = (Vec::new(), Vec::new());
    while let Some((peer, wait)) = graft_timer(&mut state) {
        asked.push(peer);
        waits.push(wait);
        assert!(asked.len() <= 8, "it is never forgotten");
    }

    assert_eq!(asked, [1, 2].repeat(4));
    let total: Duration = waits.iter().sum();
    assert!(total < Config::default().message_cache_retention);
    // An answer of either may come before they are asked once more.
    assert!(waits[1] > Duration::from_millis(500));
}

#[test]
fn a_peer_that_announces_a_message_during_a_pause_is_asked_without_it() {
    let mut state = State::new(0, Config::default());
    assert!(announce(&mut state, 1));
    graft_timer(&mut state);
    assert!(announce(&mut state, 2), "a timer is started");
    assert_eq!(graft_timer(&mut state).map(|(peer, _)| peer), Some(2));
}

/// Whether a timer was started.
fn announce(state: &mut State<u8>, peer: u8) -> bool {
    let round = Round(1);
    let ihave = IHave {
        id: MessageId(ID),
        round,
    };
    let message = InEvent::RecvMessage(peer, Message::IHave(vec![ihave]));
    let events = handle(state, message);
    let mut timers = events.iter().filter_map(timer);
    timers.next().is_some()
}

/// Lets the timer of the message fire. Who is asked for it, and when the timer fires again.
fn graft_timer(state: &mut State<u8>) -> Option<(u8, Duration)> {
    let timer_fires = InEvent::TimerExpired(Timer::SendGraft(MessageId(ID)));
    let events = handle(state, timer_fires);
    let asked = events.iter().find_map(|event| match event {
        topic::OutEvent::SendMessage(peer, topic::Message::Gossip(Message::Graft(_))) => {
            Some(*peer)
        }
        _ => None,
    });
    asked.zip(events.iter().find_map(timer))
}

fn timer(event: &topic::OutEvent<u8>) -> Option<Duration> {
    match event {
        topic::OutEvent::ScheduleTimer(wait, timer)
            if *timer == Timer::SendGraft(MessageId(ID)).into() =>
        {
            Some(*wait)
        }
        _ => None,
    }
}

fn handle(state: &mut State<u8>, event: InEvent<u8>) -> VecDeque<topic::OutEvent<u8>> {
    let mut events = VecDeque::new();
    state.handle(event, Instant::now(), &mut events);
    events
}
