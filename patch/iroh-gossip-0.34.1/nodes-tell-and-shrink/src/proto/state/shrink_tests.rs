//! What a node forgets when it is to keep less, and what it does not.

use n0_future::time::{Duration, Instant};
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::Shrunk;
use crate::proto::{Command, InEvent, PeerData, Scope, State};

#[test]
fn messages_go_after_ten_seconds_and_their_ids_after_thirty() {
    let rng = ChaCha12Rng::seed_from_u64(0);
    let mut node: State<u64, _> = State::new(0, PeerData::default(), Default::default(), rng);
    let start = Instant::now();
    for seconds in [0, 25, 35] {
        say(&mut node, start + Duration::from_secs(seconds), seconds);
    }
    let bytes = node.sizes().payload_bytes;
    assert_eq!((node.sizes().payloads, node.sizes().message_ids), (3, 3));

    let now = start + Duration::from_secs(40);
    let expected = Shrunk {
        payloads: 2,
        payload_bytes: bytes * 2 / 3,
        message_ids: 1,
    };
    assert_eq!(node.shrink(now), expected);
    assert_eq!(node.shrink(now), Shrunk::default());
    assert_eq!((node.sizes().payloads, node.sizes().message_ids), (1, 2));
}

fn say(node: &mut State<u64, ChaCha12Rng>, now: Instant, number: u64) {
    let topic = [1; 32].into();
    // All of one size.
    let content = number.to_be_bytes().to_vec().into();
    let say = Command::Broadcast(content, Scope::Swarm);
    for command in [Command::Join(vec![]), say] {
        node.handle(InEvent::Command(topic, command), now).count();
    }
}
