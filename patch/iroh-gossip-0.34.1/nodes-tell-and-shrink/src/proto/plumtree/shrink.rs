//! Keeping less of what was said, under memory pressure.

use n0_future::time::{Duration, Instant};

use super::State;
use crate::proto::{PeerIdentity, Shrunk};

/// How long after it came a message is kept all the same, as neighbors may still ask for it.
///
/// They do so within [`Config::graft_timeout_1`](super::Config::graft_timeout_1) after it was
/// announced to them, a fraction of a second. The rest is for slow paths.
const ASKED_FOR: Duration = Duration::from_secs(10);

impl<PI: PeerIdentity> State<PI> {
    /// Forgets messages that nobody will ask for, and the ids of those that nobody hands out any
    /// more; gives back the room that they and others took.
    pub fn shrink(&mut self, now: Instant, shrunk: &mut Shrunk) {
        let (payloads, ids) = (self.cache.len(), self.received_messages.len());
        let payload_bytes = self.cache.charged();

        // Entries are kept with the time of their end.
        let handed_out = self.config.message_cache_retention;
        let remembered = self.config.message_id_retention;
        let early = handed_out.saturating_sub(ASKED_FOR);
        self.cache.expire_until(now + early);
        let early = remembered.saturating_sub(handed_out);
        self.received_messages.expire_until(now + early);
        self.cache.shrink_to_fit();
        self.received_messages.shrink_to_fit();
        self.lazy_push_queue.shrink_to_fit();

        shrunk.payloads += payloads - self.cache.len();
        shrunk.payload_bytes += payload_bytes - self.cache.charged();
        shrunk.message_ids += ids - self.received_messages.len();
    }
}
