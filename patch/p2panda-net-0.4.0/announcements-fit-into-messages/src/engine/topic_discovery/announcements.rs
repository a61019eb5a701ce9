// SPDX-License-Identifier: MIT OR Apache-2.0

//! Announcing topics in messages of a size that gossip carries.

use anyhow::Result;
use p2panda_core::PrivateKey;
use tracing::error;

use super::TopicDiscovery;

/// Bytes of an announcement without topic ids: the names of its fields, its own id, key and
/// signature, and how many topic ids follow.
const EMPTY_BYTES: usize = 208;

/// Bytes of a topic id in it: each of its bytes takes one or two.
const TOPIC_ID_BYTES: usize = 2 + 2 * 32;

impl TopicDiscovery {
    /// Sets how many bytes gossip carries in one message.
    pub fn set_content_max(&mut self, bytes: usize) {
        self.content_max = bytes;
    }

    /// Tells others which topics we are interested in, in as many messages as they need.
    ///
    /// Waits for the gossip actor.
    pub async fn announce(&self, topic_ids: Vec<[u8; 32]>, private_key: &PrivateKey) -> Result<()> {
        let topic_ids_max = topic_ids_max(self.content_max);
        if topic_ids.len() <= topic_ids_max {
            return self.announce_together(topic_ids, private_key).await;
        }
        if topic_ids_max == 0 {
            error!("topics can not be announced: gossip messages are too small for any");
            return Ok(());
        }
        for topic_ids in topic_ids.chunks(topic_ids_max) {
            self.announce_together(topic_ids.to_vec(), private_key)
                .await?;
        }
        Ok(())
    }
}

/// How many topic ids fit into one announcement.
fn topic_ids_max(content_max: usize) -> usize {
    content_max.saturating_sub(EMPTY_BYTES) / TOPIC_ID_BYTES
}

#[cfg(test)]
mod tests {
    use p2panda_core::PrivateKey;

    use crate::bytes::ToBytes;
    use crate::engine::topic_discovery::TopicDiscoveryMessage;

    use super::{EMPTY_BYTES, TOPIC_ID_BYTES, topic_ids_max};

    #[test]
    fn an_announcement_takes_no_more_than_is_reckoned_with_and_not_much_less() {
        for (topic_ids, slack) in [(0, 32), (1, 32), (57, 32), (1000, 32), (100_000, 32)] {
            let mut message =
                TopicDiscoveryMessage::new(vec![[255; 32]; topic_ids], &PrivateKey::new());
            message.id = [255; 32];
            let bytes = message.to_bytes().len();
            let reckoned = EMPTY_BYTES + topic_ids * TOPIC_ID_BYTES;
            assert!(bytes <= reckoned, "{topic_ids}: {bytes} > {reckoned}");
            assert!(
                bytes + slack > reckoned,
                "{topic_ids}: {bytes} << {reckoned}"
            );
        }
    }

    #[test]
    fn as_many_topic_ids_go_together_as_fit() {
        let one = EMPTY_BYTES + TOPIC_ID_BYTES;
        assert_eq!(topic_ids_max(0), 0);
        assert_eq!(topic_ids_max(one - 1), 0);
        assert_eq!(topic_ids_max(one), 1);
        assert_eq!(topic_ids_max(one + TOPIC_ID_BYTES), 2);
    }
}
