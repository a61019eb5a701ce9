// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds of what remote nodes can begin with us, and figures of what they did.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;

use crate::NodeId;

/// Bounds of what remote nodes can begin with us.
///
/// Connections and sessions which we begin ourselves are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptLimits {
    /// Number of incoming connections which are being established, or are with the handler of their
    /// protocol, at the same time. Further ones are refused.
    ///
    /// The connections of sessions are counted by `max_sessions` instead.
    ///
    /// Defaults to 1024.
    pub max_connections: usize,

    /// Time a remote node has for each step until its session begins: to establish the connection,
    /// to open a stream, to agree on a topic.
    ///
    /// Defaults to 10 seconds, which is the idle timeout of a connection as well.
    pub handshake_timeout: Duration,

    /// Number of sessions we've accepted at the same time, in every topic we sync. Further ones are
    /// refused, their connections are closed with a reason.
    ///
    /// Defaults to 128, this is far beyond the handful of neighbours a node has in a topic.
    pub max_sessions: usize,

    /// Number of these sessions with the same node.
    ///
    /// Defaults to 4. One is needed, a node which comes back after it was offline leaves another
    /// behind until this times out.
    pub max_sessions_per_node: usize,

    /// Time after which an accepted session is cut off which does not continue in live-mode.
    ///
    /// Defaults to 15 minutes.
    pub session_timeout: Duration,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            handshake_timeout: Duration::from_secs(10),
            max_sessions: 128,
            max_sessions_per_node: 4,
            session_timeout: Duration::from_secs(15 * 60),
        }
    }
}

/// Figures of what remote nodes began with us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptStats {
    /// Incoming connections which are being established or are with their protocol handler.
    pub connections: usize,

    /// Accepted sessions which are running.
    pub sessions: usize,

    /// Connections refused so far, see [`AcceptLimits::max_connections`].
    pub refused_connections: u64,

    /// Sessions refused so far, see [`AcceptLimits::max_sessions`].
    pub refused_sessions: u64,

    /// Steps which took remote nodes too long so far, see [`AcceptLimits::handshake_timeout`].
    pub timed_out: u64,
}

/// A remote node did not do the next step in time.
#[derive(Debug, Error)]
#[error("remote node took too long")]
pub struct TimedOut;

/// Admits what remote nodes begin with us. Clones share their figures.
#[derive(Clone, Debug)]
pub struct Accepts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: AcceptLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stats: AcceptStats,
    sessions: HashMap<SessionScope, HashMap<NodeId, usize>>,
}

/// What the number of sessions is bounded for: a protocol, or a topic of it.
type SessionScope = Vec<u8>;

impl Accepts {
    pub fn new(limits: AcceptLimits) -> Self {
        Self(Arc::new(Inner {
            limits,
            state: Mutex::default(),
        }))
    }

    pub fn limits(&self) -> &AcceptLimits {
        &self.0.limits
    }

    pub fn stats(&self) -> AcceptStats {
        self.state().stats
    }

    /// Admits a connection until the returned permit is dropped. `None` if there are too many.
    pub fn connection(&self) -> Option<ConnectionPermit> {
        let stats = &mut self.state().stats;
        if stats.connections >= self.0.limits.max_connections {
            stats.refused_connections += 1;
            return None;
        }
        stats.connections += 1;
        Some(ConnectionPermit(self.clone()))
    }

    /// Admits a session with this node until the returned permit is dropped. `None` if there are too
    /// many in this scope.
    pub fn session(
        &self,
        scope: impl Into<SessionScope>,
        node_id: NodeId,
    ) -> Option<SessionPermit> {
        let scope = scope.into();
        let limits = &self.0.limits;
        let state = &mut *self.state();

        let (total, with_node) = state.sessions.get(&scope).map_or((0, 0), |by_node| {
            let with_node = by_node.get(&node_id).copied().unwrap_or_default();
            (by_node.values().sum(), with_node)
        });
        if with_node >= limits.max_sessions_per_node || total >= limits.max_sessions {
            state.stats.refused_sessions += 1;
            return None;
        }

        *state
            .sessions
            .entry(scope.clone())
            .or_default()
            .entry(node_id)
            .or_default() += 1;
        state.stats.sessions += 1;
        Some(SessionPermit {
            accepts: self.clone(),
            scope,
            node_id,
        })
    }

    /// Waits for a step of a remote node.
    pub async fn in_time<F>(&self, step: F) -> Result<F::Output, TimedOut>
    where
        F: Future,
    {
        self.within(self.0.limits.handshake_timeout, step).await
    }

    /// Waits for a remote node for the given duration.
    pub async fn within<F>(&self, duration: Duration, step: F) -> Result<F::Output, TimedOut>
    where
        F: Future,
    {
        timeout(duration, step).await.map_err(|_| {
            self.state().stats.timed_out += 1;
            TimedOut
        })
    }

    /// The state is consistent after every single step, it survives a panic while it is locked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Place of an incoming connection.
#[derive(Debug)]
pub struct ConnectionPermit(Accepts);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.state().stats.connections -= 1;
    }
}

/// Place of an accepted session.
#[derive(Debug)]
pub struct SessionPermit {
    accepts: Accepts,
    scope: SessionScope,
    node_id: NodeId,
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        let state = &mut *self.accepts.state();
        state.stats.sessions -= 1;

        let Some(by_node) = state.sessions.get_mut(&self.scope) else {
            return;
        };
        if let Some(with_node) = by_node.get_mut(&self.node_id) {
            *with_node -= 1;
        }
        by_node.retain(|_, with_node| *with_node > 0);
        if by_node.is_empty() {
            state.sessions.remove(&self.scope);
        }
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
