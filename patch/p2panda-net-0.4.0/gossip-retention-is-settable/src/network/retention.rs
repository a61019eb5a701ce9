// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long gossip keeps what was said.

use std::time::Duration;

use iroh_gossip::proto::PlumtreeConfig;

/// A year. Gossip adds these times to its clock, which must not overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long messages and their ids are kept after they were sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub messages: Duration,
    pub message_ids: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let defaults = PlumtreeConfig::default();
        Self {
            messages: defaults.message_cache_retention,
            message_ids: defaults.message_id_retention,
        }
    }
}

impl Retention {
    /// The settings of the broadcast layer. An id is kept at least as long as its message: otherwise
    /// a message that is still handed out would be taken for a new one.
    pub fn broadcast_config(&self) -> PlumtreeConfig {
        let messages = self.messages.min(LONGEST);
        PlumtreeConfig {
            message_cache_retention: messages,
            message_id_retention: self.message_ids.clamp(messages, LONGEST),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::Limits;

    #[test]
    fn retention_reaches_gossip_and_an_id_is_kept_as_long_as_its_message() {
        let seconds = Duration::from_secs;
        let year = seconds(365 * 24 * 60 * 60);
        for ((messages, ids), expected) in [
            ((seconds(5), seconds(60)), (seconds(5), seconds(60))),
            ((seconds(20), seconds(10)), (seconds(20), seconds(20))),
            ((Duration::MAX, Duration::MAX), (year, year)),
        ] {
            let limits = Limits::default()
                .gossip_message_retention(messages)
                .gossip_id_retention(ids);
            let config = limits.retention.broadcast_config();
            let reached = (config.message_cache_retention, config.message_id_retention);
            assert_eq!(reached, expected);
        }
    }

    #[test]
    fn without_settings_gossip_keeps_messages_as_long_as_ever() {
        let config = Limits::default().retention.broadcast_config();
        let seconds = Duration::from_secs;
        let reached = (config.message_cache_retention, config.message_id_retention);
        assert_eq!(reached, (seconds(30), seconds(90)));
    }
}
