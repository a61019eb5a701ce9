//! How many messages are announced at once.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use n0_future::time::Instant;

use super::{Config, InEvent, Message, Scope, State, Timer};
use crate::proto::topic::{self, DEFAULT_MAX_MESSAGE_SIZE};

const LAZY_PEER: u32 = 2;
const MESSAGES: u32 = 1000;

/// In front of a message in its frame.
const TOPIC_BYTES: usize = 32;

#[test]
fn all_that_a_lazy_peer_is_told_of_fits_into_frames() {
    let now = Instant::now();
    let mut io = VecDeque::new();
    let mut state = State::new(1u32, Config::default());
    state.handle(InEvent::NeighborUp(LAZY_PEER), now, &mut io);
    let prune = InEvent::RecvMessage(LAZY_PEER, Message::Prune);
    state.handle(prune, now, &mut io);
    for message in 0..MESSAGES {
        let content = Bytes::copy_from_slice(&message.to_be_bytes());
        let broadcast = InEvent::Broadcast(content, Scope::Swarm);
        state.handle(broadcast, now, &mut io);
    }
    io.clear();
    state.handle(InEvent::TimerExpired(Timer::DispatchLazyPush), now, &mut io);

    let mut announced = HashSet::new();
    for event in io {
        let topic::OutEvent::SendMessage(LAZY_PEER, frame) = event else {
            continue;
        };
        let size = TOPIC_BYTES + postcard::to_stdvec(&frame).unwrap().len();
        assert!(size < DEFAULT_MAX_MESSAGE_SIZE, "a frame of {size} bytes");
        if let topic::Message::Gossip(Message::IHave(ihaves)) = frame {
            announced.extend(ihaves.into_iter().map(|ihave| ihave.id));
        }
    }
    assert_eq!(announced.len(), MESSAGES as usize);
}
