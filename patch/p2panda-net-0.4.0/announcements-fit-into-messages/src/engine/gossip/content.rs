// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much a gossip message carries.

/// Bytes around the content of a message: the topic id, two tags for its kind, its own id, and where
/// it is meant to go with the hops it has gone; the length of the content comes on top.
const FRAME_BYTES: usize = 32 + 1 + 1 + 32 + 1 + 1;

/// The most bytes that can be published in one message, if messages have this size at most.
///
/// iroh-gossip has no answer to a larger one: it ends the connection it should have gone to, for all
/// topics. It encodes numbers in groups of seven bits, and takes messages below the maximum only.
pub fn content_max(max_message_size: usize) -> usize {
    let bits = usize::BITS - max_message_size.leading_zeros();
    let length_bytes = bits.div_ceil(7) as usize;
    max_message_size.saturating_sub(FRAME_BYTES + length_bytes + 1)
}

#[cfg(test)]
mod tests {
    use super::content_max;

    #[test]
    fn a_message_and_what_is_around_it_stay_below_the_maximum() {
        // 68 bytes around it, one or two of its length, one below.
        assert_eq!(content_max(4096), 4096 - 71);
        assert_eq!(content_max(100), 100 - 70);
        assert_eq!(content_max(10), 0);
        assert_eq!(content_max(0), 0);
        assert!(content_max(usize::MAX) > usize::MAX / 2);
    }
}
