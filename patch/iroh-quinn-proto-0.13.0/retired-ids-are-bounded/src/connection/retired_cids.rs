//! The peer's connection IDs that we have yet to tell it are retired

use std::ops::Range;

use super::{Connection, SpaceId};
use crate::{cid_queue::CidQueue, TransportError};

/// How many may wait to be sent
///
/// Ten times as many as the peer may have active, for a path that is congested while it rotates
/// them. Those in flight are bounded by congestion control.
const QUEUE_MAX: u64 = 10 * CidQueue::LEN as u64;

impl Connection {
    /// Queue a RETIRE_CONNECTION_ID frame for each of a range of sequence numbers
    ///
    /// # Errors
    /// `CONNECTION_ID_LIMIT_ERROR` for a peer that makes us retire faster than it takes the word.
    pub(super) fn retire_rem_cids(&mut self, retired: Range<u64>) -> Result<(), TransportError> {
        let queue = &mut self.spaces[SpaceId::Data].pending.retire_cids;
        let room = QUEUE_MAX.saturating_sub(queue.len() as u64);
        if retired.end.saturating_sub(retired.start) > room {
            return Err(TransportError::CONNECTION_ID_LIMIT_ERROR(
                "too many connection IDs wait to be retired",
            ));
        }
        queue.extend(retired);
        Ok(())
    }
}
