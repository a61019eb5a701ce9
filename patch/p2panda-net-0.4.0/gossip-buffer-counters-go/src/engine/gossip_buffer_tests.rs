// SPDX-License-Identifier: MIT OR Apache-2.0

//! What sync sessions leave behind in the gossip buffer. These need nothing but what the buffer has
//! always offered.

use p2panda_core::PrivateKey;

use super::GossipBuffer;

const CHAT: [u8; 32] = [2; 32];

#[test]
fn finished_sessions_with_ever_new_peers_leave_nothing_behind() {
    let mut buffer = GossipBuffer::default();
    for _ in 0..500 {
        let peer = PrivateKey::new().public_key();
        buffer.lock(peer, CHAT);
        assert_eq!(buffer.unlock(peer, CHAT), Some(0));
        assert_eq!(buffer.drain(peer, CHAT), Some(vec![]));
    }

    assert_eq!((buffer.buffers.len(), buffer.counters.len()), (0, 0));
}

#[test]
fn the_last_of_concurrent_sessions_takes_the_counter_with_it() {
    let mut buffer = GossipBuffer::default();
    let peer = PrivateKey::new().public_key();
    buffer.lock(peer, CHAT);
    buffer.lock(peer, CHAT);

    assert_eq!(buffer.unlock(peer, CHAT), Some(1));
    assert!(buffer.buffer(peer, CHAT).is_some(), "still locked");
    assert_eq!(buffer.unlock(peer, CHAT), Some(0));
    buffer.drain(peer, CHAT);

    assert_eq!(buffer.unlock(peer, CHAT), None, "one unlock too many");
    assert_eq!((buffer.buffers.len(), buffer.counters.len()), (0, 0));
}
