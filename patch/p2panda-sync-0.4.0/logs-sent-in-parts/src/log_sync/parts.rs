// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sends a log without holding it.
//!
//! What a remote peer lacks may be as much as was ever written. So no more of it is read than the
//! peer has taken: a part of a log at a time, or a log where the store knows of no parts.
use std::ops::RangeInclusive;

use futures::{Sink, SinkExt};
use p2panda_core::{Extensions, PublicKey};
use p2panda_store::{LogCursor, LogStore};

use crate::SyncError;

use super::{Message, SeqNum};

/// Bytes of headers and bodies that are read at a time, up to the operation that exceeds them.
const MAX_PART_LEN: usize = 1024 * 1024;

/// Sends the operations of a log that have these sequence numbers.
///
/// The store is free in between: what is deleted by then is left out, and a log that grows faster
/// than it is sent ends all the same.
pub(super) async fn send_log<T, L, E>(
    sink: &mut (impl Sink<Message<T, L>, Error = SyncError> + Unpin),
    store: &impl LogStore<L, E>,
    log_id: &L,
    public_key: &PublicKey,
    seq_nums: RangeInclusive<SeqNum>,
) -> Result<(), SyncError>
where
    E: Extensions + Send + Sync,
{
    let mut next = Some(LogCursor::at(*seq_nums.start()));
    while let Some(from) = next.filter(|from| seq_nums.contains(&from.seq_num())) {
        let part = store
            .get_raw_log_page(public_key, log_id, from, MAX_PART_LEN)
            .await
            .map_err(|err| {
                SyncError::Critical(format!("could not retrieve log from store, {err}"))
            })?
            .unwrap_or_default();
        for (header, payload) in part.operations {
            sink.feed(Message::Data(header, payload)).await?;
        }
        next = part.next;
    }
    Ok(())
}
