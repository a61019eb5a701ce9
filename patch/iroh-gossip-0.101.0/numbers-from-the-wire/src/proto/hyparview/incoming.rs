//! What is taken from a frame of a peer, whatever stands in it.

use rand::Rng;

use super::{Message, State, Ttl};
use crate::proto::PeerIdentity;

impl<PI: PeerIdentity, RG: Rng> State<PI, RG> {
    /// Cuts a message down to what our own configuration would send.
    pub(super) fn clamped(&self, mut message: Message<PI>) -> Message<PI> {
        match &mut message {
            Message::ForwardJoin(join) => {
                join.ttl = clamp(join.ttl, self.config.active_random_walk_length);
            }
            Message::Shuffle(shuffle) => {
                shuffle.ttl = clamp(shuffle.ttl, self.config.shuffle_random_walk_length);
            }
            _ => {}
        }
        message
    }
}

fn clamp(ttl: Ttl, max: Ttl) -> Ttl {
    Ttl(ttl.0.min(max.0))
}
