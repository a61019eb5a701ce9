//! How many payloads are kept for peers that missed them.

use bytes::Bytes;
use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{DeliveryScope, Gossip, Graft, Message, MessageId, Round};
use crate::proto::topic::{self, InEvent, OutEvent};

type Topic = topic::State<u64, ChaCha12Rng>;

const MIB: usize = 1024 * 1024;

#[test]
fn payloads_beyond_16_mib_push_out_the_oldest() {
    let mut topic = topic();
    for message in 0..6000 {
        receive(&mut topic, message, 4000);
    }
    let payloads = topic.gossip.cache.len();
    assert!(payloads <= 16 * MIB / 4000, "{payloads} payloads");
    assert!(payloads > 15 * MIB / 4200, "{payloads} payloads");
    assert!(answers(&mut topic, content(5999, 4000)));
    assert!(answers(&mut topic, content(2100, 4000)));
    assert!(!answers(&mut topic, content(0, 4000)));
}

#[test]
fn small_payloads_count_what_it_takes_to_keep_them() {
    let mut topic = topic();
    for message in 0..120_000 {
        receive(&mut topic, message, 4);
    }
    let payloads = topic.gossip.cache.len();
    assert!(payloads < 16 * MIB / 150, "{payloads} payloads of 4 bytes");
}

#[test]
fn of_one_topic_100_000_ids_are_remembered() {
    let mut topic = topic();
    for message in 0..120_000 {
        receive(&mut topic, message, 4);
    }
    assert_eq!(topic.gossip.received_messages.len(), 100_000);
}

fn topic() -> Topic {
    Topic::with_rng(0, None, Default::default(), ChaCha12Rng::seed_from_u64(0))
}

fn content(message: u32, size: usize) -> Bytes {
    let mut content = vec![0; size];
    content[..4].copy_from_slice(&message.to_be_bytes());
    content.into()
}

/// Hands a message in, as from a peer.
fn receive(topic: &mut Topic, message: u32, size: usize) {
    let content = content(message, size);
    let gossip = Gossip {
        id: MessageId::from_content(&content),
        content,
        scope: DeliveryScope::Swarm(Round(1)),
    };
    let message = Message::Gossip(gossip).into();
    let _ = topic.handle(InEvent::RecvMessage(1, message), Instant::now());
}

/// Whether a peer that asks for a message gets it.
fn answers(topic: &mut Topic, content: Bytes) -> bool {
    let graft = Graft {
        id: Some(MessageId::from_content(&content)),
        round: Round(1),
    };
    let message = Message::Graft(graft).into();
    topic
        .handle(InEvent::RecvMessage(1, message), Instant::now())
        .any(|event| {
            let OutEvent::SendMessage(1, topic::Message::Gossip(Message::Gossip(sent))) = event
            else {
                return false;
            };
            sent.content == content
        })
}
