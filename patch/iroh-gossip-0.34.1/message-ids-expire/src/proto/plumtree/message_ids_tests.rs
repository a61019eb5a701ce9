//! How long the ids of messages are remembered.

use bytes::Bytes;
use n0_future::time::{Duration, Instant};
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::{DeliveryScope, Gossip, Message, MessageId, Round, Scope, Timer};
use crate::proto::{
    topic::{self, InEvent, OutEvent},
    Command, Event,
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn the_ids_of_messages_go_with_their_retention() {
    let mut topic = topic();
    let mut now = Instant::now();
    for message in 0..1000u32 {
        assert!(receive(&mut topic, message, now));
        now += Duration::from_millis(200);
        if message % 5 == 4 {
            evict(&mut topic, now);
        }
        // 90 seconds, and one until they are looked for.
        let ids = topic.sizes().message_ids;
        assert!(ids <= 91 * 5, "{ids} ids of {message} messages");
    }
    evict(&mut topic, now + Duration::from_secs(90));
    assert_eq!(topic.sizes().message_ids, 0);
}

#[test]
fn a_flood_of_messages_leaves_the_newest_100_000_ids() {
    let mut topic = topic();
    let now = Instant::now();
    for message in 0..100_500u32 {
        assert!(receive(&mut topic, message, now));
    }
    assert_eq!(topic.sizes().message_ids, 100_000);
    assert!(!receive(&mut topic, 500, now), "known, the oldest of all");
    assert!(receive(&mut topic, 499, now), "no longer known");
}

#[test]
fn a_message_is_known_until_its_retention_is_over() {
    let mut topic = topic();
    let start = Instant::now();
    assert!(receive(&mut topic, 1, start));
    evict(&mut topic, start + Duration::from_secs(89));
    assert!(!receive(&mut topic, 1, start + Duration::from_secs(89)));
    evict(&mut topic, start + Duration::from_secs(90));
    assert!(receive(&mut topic, 1, start + Duration::from_secs(90)));
}

#[test]
fn an_own_message_sent_again_is_known_as_long_as_if_it_were_new() {
    let mut topic = topic();
    let start = Instant::now();
    for seconds in [0, 60] {
        let content = 1u32.to_be_bytes().to_vec().into();
        let event = InEvent::Command(Command::Broadcast(content, Scope::Swarm));
        let _ = topic.handle(event, start + Duration::from_secs(seconds));
    }
    evict(&mut topic, start + Duration::from_secs(149));
    assert!(!receive(&mut topic, 1, start + Duration::from_secs(149)));
    evict(&mut topic, start + Duration::from_secs(150));
    assert_eq!(topic.sizes().message_ids, 0);
}

fn topic() -> Topic {
    Topic::with_rng(0, None, Default::default(), ChaCha12Rng::seed_from_u64(0))
}

/// Hands a message in, as from a peer; whether it was new.
fn receive(topic: &mut Topic, message: u32, now: Instant) -> bool {
    let content = Bytes::copy_from_slice(&message.to_be_bytes());
    let gossip = Gossip {
        id: MessageId::from_content(&content),
        content,
        scope: DeliveryScope::Swarm(Round(1)),
    };
    let message = Message::Gossip(gossip).into();
    topic
        .handle(InEvent::RecvMessage(1, message), now)
        .any(|event| matches!(event, OutEvent::EmitEvent(Event::Received(_))))
}

fn evict(topic: &mut Topic, now: Instant) {
    let _ = topic.handle(InEvent::TimerExpired(Timer::EvictCache.into()), now);
}
