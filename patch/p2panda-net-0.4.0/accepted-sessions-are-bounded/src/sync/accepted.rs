// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds the sessions that peers begin, in number and in time.
//!
//! A session has a place from its connection on until it has ended. A peer for which there is none is
//! refused, and one whose session takes too long is cut off; both are told so by the connection, which
//! is closed before a stream of it is dropped: a stream that merely ended would say that all was synced.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use iroh::endpoint::{Connection, VarInt};
use p2panda_core::PublicKey;
use p2panda_sync::TopicQuery;
use tokio::time::{Duration, timeout};
use tracing::debug;

use crate::sync::SyncConnection;
use crate::sync::bounds::SyncBounds;
use crate::to_public_key;

/// Closes the connection of a session for which there is no place; those of idle connections and of
/// those that make room are 1 and 2.
const REFUSED: VarInt = VarInt::from_u32(3);

/// Closes the connection of a session that did not come to its end.
const CUT_OFF: VarInt = VarInt::from_u32(4);

/// Who has how many accepted sessions.
#[derive(Debug, Default)]
pub struct Accepted {
    sessions: usize,
    by_peer: HashMap<PublicKey, usize>,
}

/// The place of an accepted session, until it is dropped.
#[derive(Debug)]
pub struct Place {
    bounds: Arc<SyncBounds>,
    peer: PublicKey,
}

impl SyncBounds {
    /// Returns a place for a session that this peer begins, or else why there is none.
    pub fn accept(self: &Arc<Self>, peer: PublicKey) -> Result<Place, &'static str> {
        let mut accepted = lock(&self.accepted);
        let of_peer = accepted.by_peer.get(&peer).copied().unwrap_or_default();
        let refusal = if accepted.sessions >= self.limits.sessions {
            Some("too many sync sessions")
        } else if of_peer >= self.limits.sessions_per_peer {
            Some("too many sync sessions of one peer")
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.refused_sessions.fetch_add(1, Relaxed);
            return Err(reason);
        }
        accepted.sessions += 1;
        accepted.by_peer.insert(peer, of_peer + 1);
        Ok(Place {
            bounds: self.clone(),
            peer,
        })
    }

    /// Number of accepted sessions.
    pub(super) fn accepted_sessions(&self) -> usize {
        lock(&self.accepted).sessions
    }

    /// Sessions that this node begins with one peer at a time: one less than it would accept, as the
    /// other side learns a little later that one has ended.
    pub fn initiated_per_peer(&self) -> usize {
        self.limits.sessions_per_peer.saturating_sub(1).max(1)
    }

    /// Waits for a session of either role, or a step of it, and counts those that take too long.
    pub async fn in_time<T>(&self, limit: Duration, step: impl Future<Output = T>) -> Result<T> {
        let done = timeout(limit, step).await;
        done.inspect_err(|_| self.count_overdue())
            .with_context(|| format!("it took longer than {limit:?}"))
    }

    pub(super) fn count_overdue(&self) {
        self.overdue_sessions.fetch_add(1, Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut accepted = lock(&self.bounds.accepted);
        accepted.sessions -= 1;
        if let Some(sessions) = accepted.by_peer.get_mut(&self.peer) {
            *sessions -= 1;
            if *sessions == 0 {
                accepted.by_peer.remove(&self.peer);
            }
        }
    }
}

impl<T> SyncConnection<T>
where
    T: TopicQuery + 'static,
{
    /// Keeps to these bounds, and counts with them.
    pub(crate) fn within(mut self, bounds: Arc<SyncBounds>) -> Self {
        self.bounds = bounds;
        self
    }

    /// Handles an inbound connection, if there is a place for its session, for as long as one may take.
    pub(super) async fn handle_within_bounds(&self, connection: Connection) -> Result<()> {
        let peer = to_public_key(connection.remote_node_id()?);
        let _place = match self.bounds.accept(peer) {
            Ok(place) => place,
            Err(reason) => {
                debug!("refused a sync session of {peer}: {reason}");
                connection.close(REFUSED, reason.as_bytes());
                return Ok(());
            }
        };
        let mut session = pin!(self.handle_connection(connection.clone()));
        let ended = self
            .bounds
            .in_time(self.bounds.limits.session, &mut session);
        match ended.await {
            Ok(result) => result,
            Err(overdue) => {
                cut_off(&connection);
                Err(overdue)
            }
        }
    }
}

/// Tells the peer that its session comes to no end.
pub(super) fn cut_off(connection: &Connection) {
    connection.close(CUT_OFF, b"the sync session was cut off");
}

/// Nothing panics under the lock.
fn lock(accepted: &Mutex<Accepted>) -> MutexGuard<'_, Accepted> {
    accepted.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;

    use p2panda_core::PrivateKey;
    use tokio::time::Instant;

    use crate::sync::bounds::{SyncBounds, SyncLimits};

    use super::lock;

    #[test]
    fn sessions_are_refused_beyond_their_bounds_and_leave_nothing_when_they_end() {
        let bounds = Arc::new(SyncBounds::default());
        let peers = [(); 33].map(|()| PrivateKey::new().public_key());
        let mut places = Vec::new();
        for _ in 0..5 {
            places.extend(bounds.accept(peers[0]).ok());
        }
        assert_eq!(places.len(), 4);
        for peer in &peers[1..] {
            places.extend((0..4).filter_map(|_| bounds.accept(*peer).ok()));
        }
        let stats = bounds.stats();
        assert_eq!((places.len(), stats.accepted), (128, 128));
        assert_eq!((stats.accepted_max, stats.refused_sessions), (128, 5));

        // One that has ended makes room for one.
        places.pop();
        assert!(bounds.accept(peers[0]).is_err());
        places.push(bounds.accept(peers[32]).unwrap());
        assert!(bounds.accept(peers[32]).is_err());

        places.clear();
        assert_eq!(bounds.stats().accepted, 0);
        assert!(lock(&bounds.accepted).by_peer.is_empty());
    }

    #[test]
    fn with_one_peer_fewer_sessions_are_begun_than_accepted_but_always_one() {
        for (accepted, begun) in [(4, 3), (2, 1), (1, 1), (usize::MAX, usize::MAX - 1)] {
            let limits = SyncLimits {
                sessions_per_peer: accepted,
                ..SyncLimits::default()
            };
            assert_eq!(SyncBounds::new(limits).initiated_per_peer(), begun);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_it_may_is_counted() {
        let bounds = SyncBounds::default();
        let started = Instant::now();
        let (limit, never) = (bounds.limits.session, pending::<()>());
        assert!(bounds.in_time(limit, never).await.is_err());
        assert_eq!(started.elapsed(), Duration::from_secs(15 * 60));
        assert!(bounds.in_time(Duration::MAX, async {}).await.is_ok());
        assert_eq!(bounds.stats().overdue_sessions, 1);
    }
}
