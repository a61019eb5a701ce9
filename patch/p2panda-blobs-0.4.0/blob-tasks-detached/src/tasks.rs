// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tasks that imports and downloads run in: counted, cancelled together, and never silent.
//!
//! Whoever started a task hears how it ended, also when it panicked, was cancelled, or could not be
//! started. No task waits for them to listen.
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use futures_util::{FutureExt, Stream, StreamExt};
use iroh_blobs::util::local_pool::LocalPool;
use serde_error::Error as RpcError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// Cancels all of its tasks when it is dropped.
#[derive(Debug)]
pub(crate) struct Tasks {
    pool: Arc<LocalPool>,
    cancel_token: CancellationToken,
    tracker: TaskTracker,
}

/// Where the event goes that a task ends with. It is closed when nobody waits for it any more.
pub(crate) type Listener<E> = oneshot::Sender<E>;

impl Tasks {
    pub fn new(pool: Arc<LocalPool>) -> Self {
        let tracker = TaskTracker::new();
        // It can be waited for at any time. This keeps no task from being added.
        tracker.close();
        Self {
            pool,
            cancel_token: CancellationToken::new(),
            tracker,
        }
    }

    /// Number of tasks which have not ended yet.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Runs a task in the pool, and returns the one event it ends with: its own, or what `abort`
    /// makes of its error. The task should end when the token it is given is cancelled.
    pub fn spawn<E, F>(
        &self,
        abort: fn(RpcError) -> E,
        task: F,
    ) -> impl Stream<Item = E> + use<E, F>
    where
        E: Send + 'static,
        F: AsyncFnOnce(&mut Listener<E>, CancellationToken) -> Result<E> + Send + 'static,
    {
        let (mut listener, event) = oneshot::channel();
        let cancel_token = self.cancel_token.clone();
        let tracked = self.tracker.token();
        let spawned = self.pool.try_spawn_detached(move || async move {
            let _tracked = tracked;
            // A panic would end the thread of the pool, and all that runs there with it.
            let result = AssertUnwindSafe(async { task(&mut listener, cancel_token).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(anyhow!("task panicked")));
            let event = result.unwrap_or_else(|err| {
                warn!("blob task failed: {err:#}");
                abort(RpcError::new(&*err))
            });
            // Nobody has to be interested.
            listener.send(event).ok();
        });

        event.into_stream().map(move |event| {
            // A task which has nothing to say was not started, or went away with its pool.
            event.unwrap_or_else(|closed| match spawned {
                Ok(()) => abort(RpcError::new(&closed)),
                Err(ref err) => abort(RpcError::new(err)),
            })
        })
    }

    /// Cancels all tasks, those to come included, and waits until they have ended.
    pub async fn shutdown(&self) {
        self.cancel_token.cancel();
        self.tracker.wait().await;
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.cancel_token.cancel();
    }
}
