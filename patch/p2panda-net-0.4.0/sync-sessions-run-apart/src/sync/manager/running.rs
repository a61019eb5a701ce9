// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs sync sessions beside the actor, so that no peer can hold it up.
//!
//! Each session is a task of its own, at most `max_concurrent_sync_sessions` of them at a time and
//! never two of one scope; the other attempts wait in a queue. The tasks end with the actor.
//!
//! Who may wait for whom: the engine for this actor's inbox, and sessions for the engine's. The
//! actor itself waits for neither: it dials nobody, sends nothing to the engine, and puts attempts
//! into a queue that is not a channel. So its inbox is always read, and no circle can close.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use tokio::task::{self, JoinError};

use crate::engine::ToEngineActor;

use super::{Scope, Status, SyncActor};

impl<T> SyncActor<T>
where
    T: TopicQuery + 'static,
{
    /// Puts an attempt into the queue. While a session of the same scope still runs, the attempt
    /// waits for the end of that one first.
    pub(super) fn schedule_attempt(&mut self, scope: Scope<T>) {
        let Some(attempt) = self.sessions.get_mut(&scope) else {
            return;
        };
        attempt.status = Status::Pending;
        if !self.running_scopes.values().any(|other| *other == scope) {
            self.sync_queue.push_back(scope);
        }
    }

    /// Puts an attempt for every known scope into the queue, in place of what is in it.
    pub(super) fn schedule_all_attempts(&mut self) {
        self.sync_queue.clear();
        let scopes: Vec<_> = self.sessions.keys().cloned().collect();
        for scope in scopes {
            self.schedule_attempt(scope);
        }
    }

    /// Whether an attempt waits and there is room for its session.
    pub(super) fn can_start_session(&self) -> bool {
        let max_running = self.config.max_concurrent_sync_sessions.max(1);
        !self.sync_queue.is_empty() && self.running.len() < max_running
    }

    /// Starts a session for the attempt that has waited longest.
    pub(super) fn start_next_session(&mut self) {
        let Some(scope) = self.sync_queue.pop_front() else {
            return;
        };
        if let Some(attempt) = self.sessions.get_mut(&scope) {
            attempt.status = Status::Active;
            self.start_session(scope);
        }
    }

    fn start_session(&mut self, scope: Scope<T>) {
        let engine_actor_tx = self.engine_actor_tx.clone();
        let session = Self::connect_and_sync(
            self.endpoint.clone(),
            self.config.protocol(),
            engine_actor_tx.clone(),
            scope.clone(),
        );
        let failed = ToEngineActor::SyncFailed {
            topic: Some(scope.topic.clone()),
            peer: scope.peer,
        };
        let running = self.running.spawn(async move {
            let result = session.await;
            if result.is_err() {
                engine_actor_tx.send(failed).await.ok();
            }
            result
        });
        self.running_scopes.insert(running.id(), scope);
    }

    /// Enters how a session ended; a panic in it, which is a bug of the sync protocol, is a failure.
    pub(super) fn on_session_ended(&mut self, ended: Result<(task::Id, Result<()>), JoinError>) {
        let (id, result) = match ended {
            Ok(ended) => ended,
            Err(err) => (err.id(), Err(err.into())),
        };
        let Some(scope) = self.running_scopes.remove(&id) else {
            return;
        };
        match (self.sessions.get(&scope).map(|it| &it.status), result) {
            (Some(Status::Active), Ok(())) => self.complete_successful_sync(scope),
            (Some(Status::Active), Err(err)) => self.complete_failed_sync(scope, err),
            // Another attempt was asked for while this session ran.
            (Some(_), _) => self.sync_queue.push_back(scope),
            // Forgotten meanwhile.
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
    use tokio::sync::mpsc;

    use crate::SyncConfiguration;
    use crate::sync::manager::running_tests::{endpoint, in_time, stranger};
    use crate::sync::manager::{Attempt, Scope, SyncActor};

    #[tokio::test]
    async fn no_more_sessions_run_than_are_configured_and_never_two_of_one_scope() {
        let config = SyncConfiguration::new(PingPongProtocol {}).max_concurrent_sync_sessions(2);
        let (engine_tx, _engine_rx) = mpsc::channel(64);
        let (mut actor, _inbox) = SyncActor::new(config, endpoint().await, engine_tx);
        for topic in ["one", "two", "three"] {
            let scope = Scope::new(stranger(), SyncTestTopic::new(topic));
            actor.sessions.insert(scope.clone(), Attempt::new());
            actor.schedule_attempt(scope);
        }

        while actor.can_start_session() {
            actor.start_next_session();
        }
        assert_eq!((actor.running.len(), actor.sync_queue.len()), (2, 1));
        actor.schedule_all_attempts();
        assert_eq!((actor.running.len(), actor.sync_queue.len()), (2, 1));

        // What was asked for while it ran is queued when it has ended.
        let ended = in_time(actor.running.join_next_with_id()).await;
        actor.on_session_ended(ended.unwrap());
        assert_eq!((actor.running.len(), actor.sync_queue.len()), (1, 2));
    }
}
