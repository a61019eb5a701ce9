//! Splits announcements of messages into frames that are not too large to be sent.

use super::{IHave, Message};

/// What a frame holds besides: the topic, what kind of message it is, and how many it announces.
const FRAME_BYTES: usize = 32 + 2 + 3;

/// The largest announcement: the id of a message, and a number of hops.
const IHAVE_BYTES: usize = 32 + 3;

/// How many announcements fit into a frame, which has to be smaller than `max_message_size`.
pub(super) fn per_message(max_message_size: usize) -> usize {
    (max_message_size.saturating_sub(FRAME_BYTES + 1) / IHAVE_BYTES).max(1)
}

/// All of `ihaves` in their order, at most `max` in a message. One message takes them as they are.
pub(super) fn messages(ihaves: Vec<IHave>, max: usize) -> impl Iterator<Item = Message> {
    let mut rest = ihaves;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let later = rest.split_off(rest.len().min(max));
        Some(Message::IHave(std::mem::replace(&mut rest, later)))
    })
}
