// SPDX-License-Identifier: MIT OR Apache-2.0

//! Parts of a log, for whoever must not hold all of it at once.
use p2panda_core::RawOperation;

#[cfg(feature = "sqlite")]
use crate::sqlite::pages::Ahead;

/// A part of an author's log, as encoded headers and bodies in the order of their sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawLogPage {
    /// The operations of this part.
    pub operations: Vec<RawOperation>,

    /// Where the next part begins; without it, this is the last.
    pub next: Option<LogCursor>,
}

impl RawLogPage {
    /// All of a log, or of its end, in one part.
    pub fn last(operations: Vec<RawOperation>) -> Self {
        Self {
            operations,
            next: None,
        }
    }
}

/// Where a part of a log begins.
///
/// It stays good while the log is written and pruned: what is deleted meanwhile is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogCursor {
    seq_num: u64,
    /// What the SQLite store has found out about the operations from there on.
    #[cfg(feature = "sqlite")]
    pub(crate) ahead: Ahead,
}

impl LogCursor {
    /// Begins with the first operation that has this sequence number or a higher one.
    pub fn at(seq_num: u64) -> Self {
        Self {
            seq_num,
            ..Self::default()
        }
    }

    /// The least sequence number that an operation of this part can have.
    pub fn seq_num(&self) -> u64 {
        self.seq_num
    }
}
