// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which scopes are remembered, and which of them is due for another attempt.
//!
//! Announcements of any key pair enter scopes, so there is a bound. Those that have failed make room
//! first, then those that were synced a while ago, of each the oldest; none whose session runs or is
//! still to come. What is due is found by a walk, at each tick of a poll interval: so no list of
//! it has to be kept, in which a scope could stand twice.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use p2panda_core::PublicKey;
use p2panda_sync::TopicQuery;
use tokio::time::{Duration, Instant};

use crate::sync::bounds::SyncBounds;

use super::{Attempt, Scope, Status, SyncActor};

/// How long a scope is kept at least: after its last attempt has failed, and after a success. What is
/// forgotten is attempted again with the next announcement of its peer.
///
/// Long against the half minute that all attempts take, so that a dead peer costs little; short
/// against the time for which a peer may be away.
const REST: Duration = Duration::from_secs(10 * 60);

/// How many scopes make room at a time, so that not every newcomer costs a walk.
const EVICTED_AT_ONCE: usize = 64;

/// How long a walk that has found no room is not repeated.
const STAYS_FULL: Duration = Duration::from_secs(1);

impl<T> SyncActor<T>
where
    T: TopicQuery + 'static,
{
    /// Keeps to these bounds, and counts with them.
    pub(crate) fn within(mut self, bounds: Arc<SyncBounds>) -> Self {
        self.bounds = bounds;
        self
    }

    /// Schedules an attempt, unless we know the scope already or there is no room for it.
    pub(super) fn on_discovery(&mut self, peer: PublicKey, topic: T) {
        let scope = Scope::new(peer, topic);
        if self.sessions.contains_key(&scope) {
            return;
        }
        if !self.make_room() {
            self.bounds.refused_scopes.fetch_add(1, Relaxed);
            return;
        }
        self.sessions.insert(scope.clone(), Attempt::new());
        self.schedule_attempt(scope);
    }

    /// Schedules an attempt for the scope that was synced longest ago, if that is long enough.
    pub(super) fn schedule_resync(&mut self, interval: Duration) {
        if self.config.resync.is_none() {
            return;
        }
        let due = self.oldest(|attempt| match attempt.status {
            Status::Complete(completion) => Some(completion),
            _ => None,
        });
        self.schedule_if_due(due, interval);
    }

    /// Schedules an attempt for the scope that failed longest ago, if that is long enough and it has
    /// attempts left.
    pub(super) fn schedule_retry(&mut self, interval: Duration) {
        let max_attempts = self.config.max_retry_attempts;
        let due = self.oldest(|attempt| match attempt.status {
            Status::Failed(failure) if attempt.attempts <= max_attempts => Some(failure),
            _ => None,
        });
        self.schedule_if_due(due, interval);
    }

    /// Forgets scopes that have no attempts left, so that the next announcement starts anew.
    pub(super) fn forget_failed(&mut self) {
        let (before, max_attempts) = (self.sessions.len(), self.config.max_retry_attempts);
        self.sessions.retain(|_, attempt| match attempt.status {
            Status::Failed(failure) => attempt.attempts <= max_attempts || failure.elapsed() < REST,
            _ => true,
        });
        let expired = before - self.sessions.len();
        let expired_scopes = &self.bounds.expired_scopes;
        expired_scopes.fetch_add(expired as u64, Relaxed);
    }

    /// Writes down the sizes of this moment.
    pub(super) fn count(&self) {
        self.bounds.scopes.store(self.sessions.len(), Relaxed);
        self.bounds.queued.store(self.sync_queue.len(), Relaxed);
        self.bounds.initiated.store(self.running.len(), Relaxed);
    }

    fn oldest(&self, since: impl Fn(&Attempt) -> Option<Instant>) -> Option<(Instant, Scope<T>)> {
        let sessions = self.sessions.iter();
        let sessions = sessions.filter_map(|(scope, attempt)| Some((since(attempt)?, scope)));
        let (since, scope) = sessions.min_by_key(|(since, _)| *since)?;
        Some((since, scope.clone()))
    }

    fn schedule_if_due(&mut self, oldest: Option<(Instant, Scope<T>)>, interval: Duration) {
        if let Some((since, scope)) = oldest
            && since.elapsed() >= interval
        {
            self.schedule_attempt(scope);
        }
    }

    /// Returns false if there is no room for another scope.
    fn make_room(&mut self) -> bool {
        if self.sessions.len() < self.bounds.limits.scopes {
            return true;
        }
        if self.full_since.is_some_and(|it| it.elapsed() < STAYS_FULL) {
            return false;
        }
        let evicted = self.evict_oldest(|status| match status {
            Status::Failed(failure) => Some(*failure),
            _ => None,
        }) || self.evict_oldest(|status| match status {
            Status::Complete(completion) if completion.elapsed() >= REST => Some(*completion),
            _ => None,
        });
        self.full_since = (!evicted).then(Instant::now);
        evicted
    }

    /// Forgets the oldest of those for which `since` gives an age. Returns false if there are none.
    fn evict_oldest(&mut self, since: impl Fn(&Status) -> Option<Instant>) -> bool {
        let sessions = self.sessions.values();
        let mut ages: Vec<_> = sessions.filter_map(|it| since(&it.status)).collect();
        let Some(last) = ages.len().min(EVICTED_AT_ONCE).checked_sub(1) else {
            return false;
        };
        let (_, newest_to_go, _) = ages.select_nth_unstable(last);
        let newest_to_go = *newest_to_go;
        let before = self.sessions.len();
        self.sessions
            .retain(|_, attempt| since(&attempt.status).is_none_or(|age| age > newest_to_go));
        let evicted = before - self.sessions.len();
        self.bounds
            .evicted_scopes
            .fetch_add(evicted as u64, Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
    use tokio::sync::mpsc;
    use tokio::time::{Duration, Instant, advance, pause};

    use crate::SyncConfiguration;
    use crate::sync::bounds::{SyncBounds, SyncLimits, SyncStats};
    use crate::sync::manager::running_tests::{endpoint, stranger};
    use crate::sync::manager::{Attempt, Scope, Status, SyncActor};

    use super::{EVICTED_AT_ONCE, REST, STAYS_FULL};

    #[tokio::test]
    async fn a_full_table_makes_room_with_failures_then_with_old_successes_and_never_with_what_is_to_come()
     {
        let mut actor = actor(300).await;
        pause();
        let (failed, old, fresh) = (Instant::now(), Instant::now(), Instant::now() + REST);
        enter(&mut actor, 70, Status::Failed(failed));
        enter(&mut actor, 80, Status::Complete(old));
        enter(&mut actor, 50, Status::Complete(fresh));
        enter(&mut actor, 50, Status::Pending);
        enter(&mut actor, 50, Status::Active);
        advance(REST).await;

        // All of an age go together.
        actor.on_discovery(stranger(), topic());
        assert_eq!(count(&actor, Status::Failed(failed)), 0);
        enter(&mut actor, 69, Status::Active);
        actor.on_discovery(stranger(), topic());
        assert_eq!(count(&actor, Status::Complete(old)), 0);

        enter(&mut actor, 79, Status::Active);
        for _ in 0..3 {
            actor.on_discovery(stranger(), topic());
        }
        actor.count();
        let stats = actor.bounds.stats();
        assert_eq!((stats.scopes, stats.scopes_max), (300, 300));
        assert_eq!((stats.evicted_scopes, stats.refused_scopes), (150, 3));

        // Room that is there later is found.
        enter_one(&mut actor, Status::Failed(failed));
        actor.on_discovery(stranger(), topic());
        assert_eq!(actor.bounds.stats().refused_scopes, 4);
        advance(STAYS_FULL).await;
        actor.on_discovery(stranger(), topic());
        assert_eq!(actor.bounds.stats().refused_scopes, 4);
    }

    #[tokio::test]
    async fn the_oldest_failures_make_room_and_the_others_stay() {
        let mut actor = actor(100).await;
        pause();
        for _ in 0..100 {
            enter(&mut actor, 1, Status::Failed(Instant::now()));
            advance(Duration::from_millis(1)).await;
        }
        actor.on_discovery(stranger(), topic());
        assert_eq!(actor.sessions.len(), 100 - EVICTED_AT_ONCE + 1);
    }

    #[tokio::test]
    async fn a_peer_that_has_failed_for_good_is_tried_again_when_it_is_announced_after_a_while() {
        let mut actor = actor(100).await;
        pause();
        let peer = stranger();
        let scope = Scope::new(peer, topic());
        let attempt = Attempt {
            status: Status::Failed(Instant::now()),
            attempts: u8::MAX,
        };
        actor.sessions.insert(scope, attempt);
        actor.forget_failed();
        actor.on_discovery(peer, topic());
        assert_eq!(actor.sync_queue.len(), 0);

        advance(REST).await;
        actor.forget_failed();
        actor.forget_failed();
        actor.on_discovery(peer, topic());
        actor.count();
        let stats = actor.bounds.stats();
        let expected = SyncStats {
            scopes: 1,
            scopes_max: 100,
            queued: 1,
            expired_scopes: 1,
            ..SyncStats::default()
        };
        assert_eq!(stats, expected);
    }

    async fn actor(scopes: usize) -> SyncActor<SyncTestTopic> {
        let config = SyncConfiguration::new(PingPongProtocol {});
        let (engine_tx, _engine_rx) = mpsc::channel(64);
        let (actor, _inbox) = SyncActor::new(config, endpoint().await, engine_tx);
        actor.within(Arc::new(SyncBounds::new(SyncLimits { scopes })))
    }

    fn enter(actor: &mut SyncActor<SyncTestTopic>, scopes: usize, status: Status) {
        for _ in 0..scopes {
            let attempt = Attempt {
                status: status.clone(),
                attempts: 1,
            };
            actor
                .sessions
                .insert(Scope::new(stranger(), topic()), attempt);
        }
    }

    /// In place of one that runs.
    fn enter_one(actor: &mut SyncActor<SyncTestTopic>, status: Status) {
        let running = actor.sessions.values_mut();
        let mut running = running.filter(|it| it.status == Status::Active);
        running.next().unwrap().status = status;
    }

    fn count(actor: &SyncActor<SyncTestTopic>, status: Status) -> usize {
        let sessions = actor.sessions.values();
        sessions.filter(|it| it.status == status).count()
    }

    fn topic() -> SyncTestTopic {
        SyncTestTopic::new("chat")
    }
}
