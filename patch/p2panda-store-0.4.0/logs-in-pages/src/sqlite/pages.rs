// SPDX-License-Identifier: MIT OR Apache-2.0

//! Parts of the logs of a SQLite store.
//!
//! The table has no index for logs: to find a place in one is to look at all rows. So the places of
//! many operations are looked up at a time, and those that one part does not take are for the next.
use std::collections::VecDeque;

use p2panda_core::{Extensions, Hash, PublicKey, RawOperation};
use sqlx::query_as;

use crate::{LogCursor, LogId, RawLogPage};

use super::models::RawOperationRow;
use super::store::{SqliteStore, SqliteStoreError, calculate_hash};

/// Most places that are looked up at a time: about three mebibytes of them. (Few in tests, which do
/// not write that much.)
const MAX_PLACES: usize = if cfg!(test) { 16 } else { 65_536 };

/// What is known of a log from some sequence number on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    places: VecDeque<Place>,
    /// From which sequence number on there may be more.
    more_at: Option<u64>,
}

/// Where an operation is, and how large.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    seq_num: u64,
    hash: Hash,
    bytes: usize,
}

impl<L, E> SqliteStore<L, E>
where
    L: LogId,
    E: Extensions,
{
    /// The operations from a cursor on, until they have this many bytes; those with the same
    /// sequence number stay together.
    pub(crate) async fn raw_page(
        &self,
        public_key: &PublicKey,
        log_id: &L,
        from: LogCursor,
        max_bytes: usize,
    ) -> Result<Option<RawLogPage>, SqliteStoreError> {
        let from_seq_num = from.seq_num();
        let mut ahead = from.ahead;
        if ahead.places.is_empty() {
            ahead = self.look_ahead(public_key, log_id, from_seq_num).await?;
        }
        if ahead.places.is_empty() {
            return Ok(None);
        }
        let operations = self.raw_operations(&ahead.take(max_bytes)).await?;
        let next_seq_num = ahead.places.front().map(|place| place.seq_num);
        let next = next_seq_num.or(ahead.more_at).map(|seq_num| {
            let mut next = LogCursor::at(seq_num);
            next.ahead = ahead;
            next
        });
        Ok(Some(RawLogPage { operations, next }))
    }

    /// Sizes are known to SQLite without reading what has them.
    async fn look_ahead(
        &self,
        public_key: &PublicKey,
        log_id: &L,
        from: u64,
    ) -> Result<Ahead, SqliteStoreError> {
        let rows: Vec<(String, String, i64)> = query_as(
            "
            SELECT
                seq_num,
                hash,
                LENGTH(header_bytes) + COALESCE(LENGTH(body), 0)
            FROM
                operations_v1
            WHERE
                (public_key, log_id) = (?, ?)
                AND CAST(seq_num AS NUMERIC) >= CAST(? AS NUMERIC)
            ORDER BY
                CAST(seq_num AS NUMERIC)
            LIMIT
                ?
            ",
        )
        .bind(public_key.to_string())
        .bind(calculate_hash(log_id).to_string())
        .bind(from.to_string())
        .bind(MAX_PLACES as i64)
        .fetch_all(&self.pool)
        .await?;
        // As everywhere here, what stands in the database is taken for valid.
        let places = rows.into_iter().map(|(seq_num, hash, bytes)| Place {
            seq_num: seq_num.parse().unwrap(),
            hash: hash.parse().unwrap(),
            bytes: bytes as usize,
        });
        Ok(Ahead::new(places.collect()))
    }

    async fn raw_operations(
        &self,
        places: &[Place],
    ) -> Result<Vec<RawOperation>, SqliteStoreError> {
        let hashes: Vec<_> = places
            .iter()
            .map(|place| format!("\"{}\"", place.hash))
            .collect();
        let rows: Vec<RawOperationRow> = query_as(
            "
            SELECT
                operations_v1.hash,
                body,
                header_bytes
            FROM
                JSON_EACH(?) AS place
                CROSS JOIN operations_v1 ON operations_v1.hash = place.value
            ORDER BY
                place.key
            ",
        )
        .bind(format!("[{}]", hashes.join(",")))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Ahead {
    /// With as many places as can be looked up there may be more, and some of those that have the
    /// last sequence number may be missing: then all of these come with the next look, unless there
    /// is nothing else.
    fn new(mut places: VecDeque<Place>) -> Self {
        let mut more_at = None;
        if places.len() == MAX_PLACES
            && let Some(last) = places.back().map(|place| place.seq_num)
        {
            match places.partition_point(|place| place.seq_num < last) {
                0 => more_at = last.checked_add(1),
                before => {
                    places.truncate(before);
                    more_at = Some(last);
                }
            }
        }
        Self { places, more_at }
    }

    /// Takes the places of the next part.
    fn take(&mut self, max_bytes: usize) -> Vec<Place> {
        let mut page: Vec<Place> = Vec::new();
        let mut bytes = 0;
        while let Some(place) = self.places.front()
            && (bytes < max_bytes || page.last().is_none_or(|last| last.seq_num == place.seq_num))
        {
            bytes += place.bytes;
            page.extend(self.places.pop_front());
        }
        page
    }
}
