//! Whom a topic asks to be a neighbor again, after it lost the last one with its connection.
//!
//! The protocol looks for another neighbor among the peers that it knows, and asks nobody twice. Where
//! none of them answers, the topic stays alone: each of two peers may be all that the other has.

use std::collections::VecDeque;

use iroh::EndpointId;
use n0_future::time::{Duration, Instant};

/// Peers that are remembered, more than the five neighbors of the default configuration.
const LOST_MAX: usize = 8;

/// How long after the loss they are asked; it doubles with each time that none becomes a neighbor.
const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(64);

/// The neighbors that one topic lost.
#[derive(Debug, Default)]
pub(super) struct Rejoin {
    /// From the oldest loss to the newest.
    lost: VecDeque<EndpointId>,
    attempts: u32,
    due: Option<Instant>,
}

impl Rejoin {
    /// A neighbor is lost with its connection, without having left.
    pub fn lost(&mut self, peer: EndpointId) {
        self.forget(peer);
        self.lost.push_back(peer);
        if self.lost.len() > LOST_MAX {
            self.lost.pop_front();
        }
    }

    /// The topic has a neighbor, so that nobody needs to be asked.
    pub fn neighbor_up(&mut self, peer: EndpointId) {
        self.forget(peer);
        self.attempts = 0;
        self.due = None;
    }

    /// The topic has no neighbor left. Returns when to call [`Self::expired`], if there is a use.
    pub fn alone(&mut self, now: Instant) -> Option<Instant> {
        (!self.lost.is_empty()).then(|| self.schedule(now))
    }

    /// Returns whom to ask now, and when to call this again.
    ///
    /// That is nobody if the topic has had a neighbor since the call was agreed on.
    pub fn expired(&mut self, now: Instant) -> Option<(Vec<EndpointId>, Instant)> {
        self.due.take_if(|due| *due <= now)?;
        self.attempts += 1;
        Some((self.lost.iter().copied().collect(), self.schedule(now)))
    }

    fn forget(&mut self, peer: EndpointId) {
        self.lost.retain(|other| *other != peer);
    }

    fn schedule(&mut self, now: Instant) -> Instant {
        let delay = DELAY_MIN.saturating_mul(1 << self.attempts.min(16));
        let due = now + delay.min(DELAY_MAX);
        self.due = Some(due);
        due
    }
}
