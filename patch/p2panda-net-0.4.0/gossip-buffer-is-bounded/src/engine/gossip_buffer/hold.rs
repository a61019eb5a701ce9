// SPDX-License-Identifier: MIT OR Apache-2.0

//! Holds gossip messages back within bounds.
//!
//! How long a session runs, and how much is gossiped meanwhile, is up to peers. Where a bound is
//! reached, what is held back for that peer and topic is due at once, and everything behind it passes
//! until the last session with it has ended. So nothing is lost, and nothing overtakes: all that is
//! given up is to be behind the session.

use std::time::Duration;

use p2panda_core::PublicKey;
use tokio::time::Instant;

use super::GossipBuffer;

/// Bounds on what is held back. See the methods of `Limits` for what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipBufferLimits {
    pub messages_per_buffer: usize,
    pub bytes_per_buffer: usize,
    pub bytes: usize,
    pub time: Duration,
}

impl Default for GossipBufferLimits {
    fn default() -> Self {
        Self {
            messages_per_buffer: 256,
            bytes_per_buffer: 1024 * 1024,
            bytes: 8 * 1024 * 1024,
            time: Duration::from_secs(60),
        }
    }
}

/// What is held back of one peer on one topic. There is none for those who pass while locked.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) since: Instant,
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) bytes: usize,
}

impl Held {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            messages: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        (self.messages, self.bytes) = (Vec::new(), 0);
    }
}

/// How often messages were due before their session had ended.
#[derive(Debug, Default)]
pub(super) struct Early {
    pub(super) full: u64,
    pub(super) overdue: u64,
}

type Key = (PublicKey, [u8; 32]);

impl GossipBuffer {
    /// Sets the bounds of an empty buffer.
    pub fn set_limits(&mut self, limits: GossipBufferLimits) {
        self.limits = limits;
    }

    /// Holds a message back while its peer is locked on its topic. Returns what is due now, in order:
    /// nothing, this message, or what was held back before it as well.
    pub fn hold(
        &mut self,
        peer: PublicKey,
        topic_id: [u8; 32],
        bytes: Vec<u8>,
    ) -> impl Iterator<Item = Vec<u8>> + use<> {
        let key = (peer, topic_id);
        let Some(held) = self.buffers.get_mut(&key) else {
            return Vec::new().into_iter().chain(Some(bytes));
        };
        let is_overdue = held.since.elapsed() >= self.limits.time;
        let fits = held.messages.len() < self.limits.messages_per_buffer
            && bytes.len() <= self.limits.bytes_per_buffer.saturating_sub(held.bytes)
            && bytes.len() <= self.limits.bytes.saturating_sub(self.bytes);
        if fits && !is_overdue {
            held.bytes += bytes.len();
            self.bytes += bytes.len();
            held.messages.push(bytes);
            return Vec::new().into_iter().chain(None);
        }

        let early = match is_overdue {
            true => &mut self.early.overdue,
            false => &mut self.early.full,
        };
        *early += 1;
        let before = self.take(&key).unwrap_or_default();
        before.into_iter().chain(Some(bytes))
    }

    /// Takes out what has been held back for too long, of each peer and topic in order. Costs a walk
    /// through the locks.
    pub fn take_overdue(&mut self) -> Vec<(Key, Vec<Vec<u8>>)> {
        let overdue = self.buffers.iter();
        let overdue = overdue.filter(|(_, held)| held.since.elapsed() >= self.limits.time);
        let overdue: Vec<Key> = overdue.map(|(key, _)| *key).collect();
        self.early.overdue += overdue.len() as u64;
        let messages = overdue.into_iter();
        messages
            .filter_map(|key| Some((key, self.take(&key)?)))
            .collect()
    }

    /// Takes out what is held back of a peer on a topic; from then on its messages pass.
    pub(super) fn take(&mut self, key: &Key) -> Option<Vec<Vec<u8>>> {
        let held = self.buffers.remove(key)?;
        self.bytes -= held.bytes;
        Some(held.messages)
    }
}
