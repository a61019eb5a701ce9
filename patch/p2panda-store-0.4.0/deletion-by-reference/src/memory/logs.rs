// SPDX-License-Identifier: MIT OR Apache-2.0

//! How operations enter and leave the logs of a memory store.
//!
//! An operation may stand in several logs of its author. It knows which, and goes when it leaves
//! the last of them; a log goes with its last operation. So each hash in a log has its operation,
//! and a deletion costs what it deletes.
use std::collections::hash_map::Entry;

use p2panda_core::hash::HASH_LEN;
use p2panda_core::{Body, Extensions, Hash, Header, PublicKey, RawOperation};

use crate::LogId;

use super::{InnerMemoryStore, LogMeta, SeqNum};

/// An operation, and where it stands.
///
/// The store keeps it in a box: so its index stays small, and what a deletion frees is free at once.
#[derive(Clone, Debug)]
pub(super) struct StoredOperation<L, E> {
    pub(super) header: Header<E>,
    pub(super) body: Option<Body>,
    pub(super) header_bytes: Vec<u8>,
    log_ids: LogIds<L>,
}

/// The logs an operation stands in: nearly always one, which takes no allocation.
#[derive(Clone, Debug)]
struct LogIds<L> {
    first: L,
    others: Vec<L>,
}

impl<L, E> InnerMemoryStore<L, E>
where
    L: LogId,
    E: Extensions,
{
    /// Returns `false` when the operation stands in this log already.
    ///
    /// A hash names one operation. If the caller uses it for another one all the same, the
    /// operation that is there stays, and nothing is inserted.
    pub(super) fn insert(
        &mut self,
        log_id: &L,
        hash: Hash,
        header: &Header<E>,
        header_bytes: &[u8],
        body: Option<&Body>,
    ) -> bool {
        let log_meta = (header.seq_num, header.timestamp, hash);
        let operation = |log_ids| {
            Box::new(StoredOperation {
                header: header.to_owned(),
                body: body.cloned(),
                header_bytes: header_bytes.to_vec(),
                log_ids,
            })
        };
        match self.operations.entry(hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(operation(LogIds::new(log_id)));
            }
            Entry::Occupied(mut occupied) => {
                let known = occupied.get();
                if known.log_ids.contains(log_id) || !known.is_placed_as(header) {
                    return false;
                }
                let log_ids = known.log_ids.with(log_id);
                occupied.insert(operation(log_ids));
            }
        }
        self.logs
            .entry((header.public_key, log_id.to_owned()))
            .or_default()
            .insert(log_meta)
    }

    /// The operations of a log in the order of their sequence numbers, beginning with `from`.
    pub(super) fn log_from(
        &self,
        public_key: &PublicKey,
        log_id: &L,
        from: SeqNum,
    ) -> Option<Vec<&StoredOperation<L, E>>> {
        let log = self.logs.get(&(*public_key, log_id.to_owned()))?;
        let hashes = log.range(first_of(from)..).map(|(_, _, hash)| hash);
        let operations = hashes.filter_map(|hash| self.operations.get(hash));
        Some(operations.map(Box::as_ref).collect())
    }

    /// Takes an operation out of all its logs.
    pub(super) fn remove(&mut self, hash: &Hash) -> bool {
        let Some(operation) = self.operations.remove(hash) else {
            return false;
        };
        let StoredOperation {
            header, log_ids, ..
        } = *operation;
        for log_id in log_ids.into_iter() {
            let log_key = (header.public_key, log_id);
            if let Some(log) = self.logs.get_mut(&log_key) {
                log.remove(&(header.seq_num, header.timestamp, *hash));
                if log.is_empty() {
                    self.logs.remove(&log_key);
                }
            }
        }
        true
    }

    /// Takes all operations before a sequence number out of one log.
    pub(super) fn remove_before(
        &mut self,
        public_key: &PublicKey,
        log_id: &L,
        before: SeqNum,
    ) -> bool {
        let log_key = (*public_key, log_id.to_owned());
        let Some(log) = self.logs.get_mut(&log_key) else {
            return false;
        };
        let mut removed = false;
        while log.first().is_some_and(|(seq_num, ..)| *seq_num < before)
            && let Some((_, _, hash)) = log.pop_first()
        {
            removed = true;
            if let Entry::Occupied(mut operation) = self.operations.entry(hash)
                && !operation.get_mut().log_ids.leave(log_id)
            {
                operation.remove();
            }
        }
        if log.is_empty() {
            self.logs.remove(&log_key);
        }
        removed
    }

    /// Drops the bodies of the operations of a log from one sequence number to before another.
    pub(super) fn remove_payloads(
        &mut self,
        public_key: &PublicKey,
        log_id: &L,
        from: SeqNum,
        to: SeqNum,
    ) -> bool {
        let Some(log) = self.logs.get(&(*public_key, log_id.to_owned())) else {
            return false;
        };
        let mut found = false;
        for (_, _, hash) in log
            .range(first_of(from)..)
            .take_while(|(seq_num, ..)| *seq_num < to)
        {
            found = true;
            if let Some(operation) = self.operations.get_mut(hash) {
                operation.body = None;
            }
        }
        found
    }
}

impl<L, E: Extensions> StoredOperation<L, E> {
    pub(super) fn to_header_and_body(&self) -> (Header<E>, Option<Body>) {
        (self.header.clone(), self.body.clone())
    }

    pub(super) fn to_raw(&self) -> RawOperation {
        let body = self.body.as_ref().map(Body::to_bytes);
        (self.header_bytes.clone(), body)
    }

    /// Whether an operation with this header stands at the same place in its logs.
    fn is_placed_as(&self, header: &Header<E>) -> bool {
        self.header.public_key == header.public_key
            && self.header.seq_num == header.seq_num
            && self.header.timestamp == header.timestamp
    }
}

impl<L: LogId> LogIds<L> {
    fn new(log_id: &L) -> Self {
        Self {
            first: log_id.to_owned(),
            others: Vec::new(),
        }
    }

    fn contains(&self, log_id: &L) -> bool {
        self.first == *log_id || self.others.contains(log_id)
    }

    fn with(&self, log_id: &L) -> Self {
        let mut log_ids = self.clone();
        log_ids.others.push(log_id.to_owned());
        log_ids
    }

    /// Returns `false` when no log is left, and the operation is to go.
    fn leave(&mut self, log_id: &L) -> bool {
        if self.first != *log_id {
            self.others.retain(|other| other != log_id);
            return true;
        }
        match self.others.pop() {
            Some(other) => self.first = other,
            None => return false,
        }
        true
    }

    fn into_iter(self) -> impl Iterator<Item = L> {
        std::iter::once(self.first).chain(self.others)
    }
}

/// The least place in a log that an operation with this sequence number can have.
fn first_of(seq_num: SeqNum) -> LogMeta {
    (seq_num, 0, Hash::from_bytes([0; HASH_LEN]))
}
