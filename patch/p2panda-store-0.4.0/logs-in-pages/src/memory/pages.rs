// SPDX-License-Identifier: MIT OR Apache-2.0

//! Parts of the logs of a memory store.
use p2panda_core::{Extensions, PublicKey};

use crate::{LogCursor, LogId, RawLogPage};

use super::logs::first_of;
use super::{InnerMemoryStore, SeqNum};

impl<L, E> InnerMemoryStore<L, E>
where
    L: LogId,
    E: Extensions,
{
    /// The operations from a sequence number on, until they have this many bytes; those with the
    /// same sequence number stay together.
    pub(super) fn raw_page(
        &self,
        public_key: &PublicKey,
        log_id: &L,
        from: SeqNum,
        max_bytes: usize,
    ) -> Option<RawLogPage> {
        let log = self.logs.get(&(*public_key, log_id.to_owned()))?;
        let mut page = RawLogPage::default();
        let mut bytes = 0;
        let mut last = None;
        for (seq_num, _, hash) in log.range(first_of(from)..) {
            if bytes >= max_bytes && last.is_some_and(|last| last != seq_num) {
                page.next = Some(LogCursor::at(*seq_num));
                break;
            }
            if let Some(operation) = self.operations.get(hash) {
                bytes += operation.raw_len();
                page.operations.push(operation.to_raw());
                last = Some(seq_num);
            }
        }
        Some(page)
    }
}
