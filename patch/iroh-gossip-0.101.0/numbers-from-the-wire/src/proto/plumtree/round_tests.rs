//! The hops that a message says it has taken.

use bytes::Bytes;
use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{DeliveryScope, Gossip, Message, MessageId, Round};
use crate::proto::{
    hyparview,
    topic::{self, InEvent, OutEvent},
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn a_message_with_the_highest_round_is_passed_on_with_it() {
    let mut topic = Topic::with_rng(99, None, Default::default(), ChaCha12Rng::seed_from_u64(0));
    let join = hyparview::Message::Join(None).into();
    let _ = topic.handle(InEvent::RecvMessage(1, join), Instant::now());

    let gossip = |round| {
        Message::Gossip(Gossip {
            id: MessageId::from_content(b"far"),
            content: Bytes::from_static(b"far"),
            scope: DeliveryScope::Swarm(Round(round)),
        })
    };
    let event = InEvent::RecvMessage(2, gossip(u16::MAX).into());
    let events: Vec<_> = topic.handle(event, Instant::now()).collect();
    let passed_on = OutEvent::SendMessage(1, gossip(u16::MAX).into());
    assert!(events.contains(&passed_on), "{events:?}");
}
