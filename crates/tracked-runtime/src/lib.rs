//! Counts, awaits and ends the tasks that quinn spawns, on any of its runtimes.
//!
//! A quinn endpoint spawns a task for itself and one for each connection, through a [`Runtime`] that the application
//! picks. Every runtime that comes with quinn lets go of them at once: nobody can say how many there are, wait until
//! they are gone, or end one whose peer keeps it alive. [`TrackedRuntime`] stands between the two. It works with tokio,
//! smol, async-std and any other [`Runtime`], of quinn (feature `quinn`) and of iroh-quinn (feature `iroh-quinn`).
//!
//! This is no executor and no supervisor: tasks run where the wrapped runtime puts them, nothing is started again, and
//! what else the application spawns there is not seen. Nothing is stored for a task but what is in the task itself.
//!
//! ```no_run
//! # #[cfg(feature = "quinn")]
//! # async fn example(socket: std::net::UdpSocket, smol: impl quinn::Runtime) -> std::io::Result<()> {
//! use std::{sync::Arc, time::Duration};
//! use tracked_runtime::TrackedRuntime;
//!
//! let runtime = TrackedRuntime::new(Arc::new(smol));
//! let config = quinn::EndpointConfig::default();
//! let endpoint = quinn::Endpoint::new(config, None, socket, Arc::new(runtime.clone()))?;
//!
//! // … connect, accept, serve …
//!
//! endpoint.close(0_u32.into(), b"bye");
//! endpoint.wait_idle().await;
//! drop(endpoint);
//! if runtime.wait(Duration::from_secs(5)).await.is_err() {
//!     runtime.cancel();
//!     runtime.wait(Duration::from_secs(5)).await.ok();
//! }
//! # Ok(()) }
//! ```
//!
//! # In which order to shut down
//!
//! 1. **`Endpoint::close`**: connections are closed, and no new ones come.
//! 2. **`Endpoint::wait_idle`**: peers are told, and the connections' tasks end. A few round trips, for a peer that has
//!    gone as well. It needs the endpoint's task, so it must not come behind step 5.
//! 3. **Drop the handles**: connections, streams, endpoints. Where quinn keeps an endpoint's task as long as there is a
//!    handle, this ends it.
//! 4. **[`wait`](TrackedRuntime::wait)**, with a limit. `Ok` is the ordinary end: sockets are closed, buffers are free.
//! 5. **[`cancel`](TrackedRuntime::cancel)**, if there is anything left, and `wait` once more. A handle that somebody
//!    forgot then has no task behind it: what is asked of it fails or, with some versions of quinn, waits for ever.
//! 6. **The executor** goes last. Without it nothing in 2, 4 and 5 moves.
//!
//! [`Runtime`]: https://docs.rs/quinn/0.11/quinn/trait.Runtime.html
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(not(any(feature = "quinn", feature = "iroh-quinn")))]
compile_error!("there is no runtime to track without one of the features `quinn` and `iroh-quinn`");

mod family;
mod task;

use std::fmt::{self, Display, Formatter};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use crate::family::Clock;
#[cfg(feature = "iroh-quinn")]
pub use crate::family::IrohQuinn;
#[cfg(feature = "quinn")]
pub use crate::family::Quinn;
use crate::task::Tasks;

/// A runtime that knows how many of its tasks are alive, and can end them.
///
/// Clones are handles to the same tasks, and any of them can be given to any number of endpoints. When the last one goes,
/// tasks live on.
#[derive(Debug)]
pub struct TrackedRuntime<R: ?Sized> {
    runtime: Arc<R>,
    tasks: Arc<Tasks>,
}

impl<R: ?Sized> TrackedRuntime<R> {
    /// Spawns on `runtime`, which may be a trait object, such as `quinn::default_runtime()` gives.
    pub fn new(runtime: Arc<R>) -> Self {
        Self {
            runtime,
            tasks: Arc::default(),
        }
    }

    /// How many tasks are alive: spawned, and not yet dropped by their executor.
    pub fn len(&self) -> usize {
        self.figures().live
    }

    /// Whether no task is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of all tasks so far, as of one moment.
    pub fn figures(&self) -> Figures {
        self.tasks.figures()
    }

    /// Waits until no task is alive, or `limit` has passed by the runtime's own clock and timer.
    ///
    /// What the tasks held is free by then. It may be called by many and again, and says nothing of what is spawned
    /// afterwards. `F` is the family of the runtime, which follows from `R`. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`StillRunning`], with the number of tasks alive.
    pub async fn wait<F>(&self, limit: Duration) -> Result<(), StillRunning>
    where
        R: Clock<F>,
    {
        let mut idle = pin!(self.tasks.idle());
        let mut limit = self.runtime.sleep(limit);
        poll_fn(|context| {
            if idle.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            limit
                .as_mut()
                .poll(context)
                .map(|()| Err(StillRunning { live: self.len() }))
        })
        .await
    }

    /// Ends every task where it waits, and those that are spawned from now on before they begin.
    ///
    /// Returns at once; the executor drops a task when it next comes to it, and [`wait`](Self::wait) tells when all are
    /// gone. A task that never yields is not ended. There is no way back: an endpoint that lives on needs a runtime anew.
    pub fn cancel(&self) {
        self.tasks.cancel();
    }
}

// Not derived, as that would ask for a runtime that can be cloned.
impl<R: ?Sized> Clone for TrackedRuntime<R> {
    fn clone(&self) -> Self {
        Self {
            runtime: self.runtime.clone(),
            tasks: self.tasks.clone(),
        }
    }
}

/// What has become of the tasks of a runtime.
///
/// `spawned` is the sum of the others. The sums never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Tasks that are alive.
    pub live: usize,
    /// Tasks so far.
    pub spawned: u64,
    /// Tasks that ran to their end.
    pub finished: u64,
    /// Tasks that were dropped before their end, by [`TrackedRuntime::cancel`] or with their executor.
    pub cancelled: u64,
    /// Tasks that panicked.
    pub panicked: u64,
}

/// The time limit passed, and tasks are still alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StillRunning {
    /// How many.
    pub live: usize,
}

impl Display for StillRunning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks are still running", self.live)
    }
}

impl std::error::Error for StillRunning {}
