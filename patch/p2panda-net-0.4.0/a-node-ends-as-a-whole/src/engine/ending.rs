// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a node ends, by request or because a part of it has failed, and how everybody hears of it.
//!
//! A node is its engine, the gossip and the sync actor, and the task that accepts connections. None
//! of them can do without the others: what has been said to one that died is lost, and with it what
//! the others believe it knows. So none is restarted. When one ends, they all do, and the reason is
//! kept for whoever asks the [`Network`](crate::Network) for anything afterwards.
//!
//! Every task of theirs is held by its owner, and ends when that is dropped: the streams' and the
//! actors by the engine, the engine by the `Network`. The halves of a stream that the application
//! holds keep nothing alive.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Result, anyhow};
use p2panda_sync::TopicQuery;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::TopicId;

use super::{Engine, ToEngineActor};

/// How long each part of a node has to end by itself, all at the same time.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(10);

/// Why a [`Network`](crate::Network) has ended: the error of every call that comes too late.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkEnded {
    /// It was shut down.
    #[error("the network was shut down")]
    Shutdown,

    /// A part of it failed without which there is no node.
    #[error("the network has failed: {reason}")]
    Failed {
        /// Which part, and what it said.
        reason: String,
    },
}

/// The end of one node, known to all of its parts.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    reason: Arc<OnceLock<NetworkEnded>>,
    ended: CancellationToken,
}

impl Ending {
    /// Keeps a reason for the node to end; of several the first.
    pub fn fail(&self, reason: String) {
        self.reason.set(NetworkEnded::Failed { reason }).ok();
    }

    /// Ends the node, as a shut-down one if it was not said to have failed.
    pub fn end(&self) {
        self.reason.set(NetworkEnded::Shutdown).ok();
        self.ended.cancel();
    }

    /// Waits until the node has ended, and tells why.
    pub async fn ended(&self) -> NetworkEnded {
        self.ended.cancelled().await;
        let reason = self.reason.get().cloned();
        reason.unwrap_or(NetworkEnded::Shutdown)
    }

    /// Why the node has ended, if it has.
    pub fn reason(&self) -> Option<NetworkEnded> {
        let ended = self.ended.is_cancelled();
        self.reason.get().cloned().filter(|_| ended)
    }

    /// Runs the engine until it ends or the node does, which also ends with the engine.
    pub async fn supervise(self, engine: impl Future<Output = Result<()>>) {
        let _end = self.end_with("engine");
        tokio::select! {
            biased;
            () = self.ended.cancelled() => {}
            result = engine => if let Err(err) = result {
                error!("engine actor failed: {err:?}");
                self.fail(format!("{err:#}"));
            }
        }
    }

    /// Ends the node when the guard is dropped, on whichever way.
    pub fn end_with(&self, part: &'static str) -> EndGuard {
        EndGuard {
            ending: self.clone(),
            part,
        }
    }
}

/// See [`Ending::end_with`].
#[derive(Debug)]
pub struct EndGuard {
    ending: Ending,
    part: &'static str,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.ending.fail(format!("{} panicked", self.part));
        }
        self.ending.end();
    }
}

/// Waits for the first of the engine's actors that ends while it should not, and tells what it said.
pub(super) async fn first_to_end(actors: &mut JoinSet<Result<()>>) -> anyhow::Error {
    match actors.join_next().await {
        Some(Ok(Err(err))) => err,
        Some(Err(err)) => anyhow!(err),
        Some(Ok(Ok(()))) | None => anyhow!("an actor has stopped"),
    }
}

/// Waits for a part of the node to end, but not for ever.
pub(crate) async fn in_time(part: &str, end: impl Future<Output = ()>) {
    if timeout(SHUTDOWN_TIME_MAX, end).await.is_err() {
        warn!("{part} took too long to end, and may lose what it had to say");
    }
}

impl<T> Engine<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// The end of the node.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Sends a message to the engine actor.
    pub(super) async fn send(&self, message: ToEngineActor<T>) -> Result<()> {
        match self.engine_actor_tx.send(message).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ending.ended().await.into()),
        }
    }

    /// Waits for the engine actor's answer to a message.
    pub(super) async fn answer<A>(&self, answer: oneshot::Receiver<A>) -> Result<A> {
        match answer.await {
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.ending.ended().await.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use anyhow::{Result, anyhow};
    use tokio::task::JoinSet;

    use super::{Ending, NetworkEnded, in_time};

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_blocked_is_dropped_in_time_with_its_actors() {
        let ending = Ending::default();
        let held = Arc::new(());
        let actor_holds = held.clone();
        let engine = tokio::spawn(ending.clone().supervise(async move {
            let mut actors = JoinSet::<()>::new();
            actors.spawn(async move {
                let _held = actor_holds;
                pending().await
            });
            actors.join_next().await;
            Ok(())
        }));

        in_time("engine", pending()).await;
        assert_eq!(ending.reason(), None);
        ending.end();
        engine.await.unwrap();
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ending.ended().await, NetworkEnded::Shutdown);
    }

    #[tokio::test]
    async fn of_several_reasons_the_first_is_kept() {
        let ending = Ending::default();
        let engine = async { Result::<()>::Err(anyhow!("first")) };
        ending.clone().supervise(engine).await;
        ending.fail("second".into());
        ending.end();

        let reason = "first".into();
        assert_eq!(ending.ended().await, NetworkEnded::Failed { reason });
    }
}
