//! Which content is too large to be broadcast.

use super::util::WriteError;
use crate::proto::Scope;

/// Fails with [`WriteError::TooLarge`] where a message of this content would not be sent.
///
/// A peer forwards it with one byte more from the 128th hop on. That is far beyond the diameter of
/// a swarm, so it is not accounted for.
pub(super) fn check(
    content: &[u8],
    scope: Scope,
    max_message_size: usize,
) -> Result<(), WriteError> {
    if frame_size(content.len(), scope) < max_message_size {
        Ok(())
    } else {
        Err(WriteError::TooLarge)
    }
}

/// The size of the frame that takes a content of this size to the neighbors.
fn frame_size(content: usize, scope: Scope) -> usize {
    const TOPIC: usize = 32;
    const KIND: usize = 2;
    const ID: usize = 32;
    let length = (usize::BITS - (content | 1).leading_zeros()).div_ceil(7) as usize;
    let scope = match scope {
        // with the number of hops
        Scope::Swarm => 2,
        Scope::Neighbors => 1,
    };
    TOPIC + KIND + ID + length + content + scope
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;
    use n0_future::time::Instant;
    use rand::rngs::StdRng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::{
        net::{InEvent, OutEvent, ProtoCommand, ProtoMessage},
        proto::{PeerData, State, TopicId},
    };

    #[test]
    fn the_size_of_a_frame_is_known_before_there_is_one() {
        for content in [0, 1, 127, 128, 4000, 16_383, 16_384, 100_000] {
            for scope in [Scope::Swarm, Scope::Neighbors] {
                let frame = broadcast(content, scope);
                assert_eq!(frame.size().unwrap(), frame_size(content, scope));
            }
        }
    }

    /// The frame in which a node sends such content to its only neighbor.
    fn broadcast(content: usize, scope: Scope) -> ProtoMessage {
        let topic = TopicId::from_bytes([7; 32]);
        let [node, neighbor] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).public());
        let [mut ours, mut theirs] = [node, neighbor].map(|id| {
            let rng = StdRng::seed_from_u64(7);
            State::new(id, PeerData::default(), Default::default(), rng)
        });
        let command = |state: &mut State<_, _>, command| {
            sent(state.handle(InEvent::Command(topic, command), Instant::now()))
        };
        command(&mut ours, ProtoCommand::Join(vec![]));
        let join = command(&mut theirs, ProtoCommand::Join(vec![node])).unwrap();
        sent(ours.handle(InEvent::RecvMessage(neighbor, join), Instant::now()));
        let content = vec![0; content].into();
        command(&mut ours, ProtoCommand::Broadcast(content, scope)).unwrap()
    }

    fn sent(events: impl Iterator<Item = OutEvent>) -> Option<ProtoMessage> {
        let mut messages = events.filter_map(|event| match event {
            OutEvent::SendMessage(_, message) => Some(message),
            _ => None,
        });
        messages.next()
    }
}
