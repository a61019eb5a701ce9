//! Watches a p2panda node: what is bounded and how full it is, how much memory is left, what an application forgot to
//! close. Serves it to Prometheus, to whoever keeps the process running, and to people; and frees memory before the
//! system kills the node.
//!
//! ```no_run
//! # #[cfg(feature = "p2panda")]
//! # async fn watch<T>(network: p2panda_net::Network<T>, store: p2panda_store::MemoryStore<[u8; 32]>) -> Result<(), vitals::Error>
//! # where T: p2panda_sync::TopicQuery + p2panda_net::TopicId + 'static {
//! use vitals::Vitals;
//!
//! let vitals = Vitals::builder()
//!     .network(&network)
//!     .memory_store(&store)
//!     .serve(([127, 0, 0, 1], 9464))
//!     .relief("page cache of ours", || async { /* let go of something */ })
//!     .start()
//!     .await?;
//! let open = vitals.tracker().track("stream", "chat");
//! // ... until the node is to end:
//! drop(open);
//! vitals.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A watch never harms the node: a source of figures that hangs or panics is said to have failed and is asked again in
//! the next round, a relief that does is passed over, a client that never reads is cut off. It holds a handle of what it
//! watches until that has ended or the watch has.
//!
//! Everything here must run on a tokio runtime with time and I/O enabled.

#![deny(unsafe_code)]
#![warn(missing_docs)]

mod call;
mod collect;
mod exposition;
mod health;
mod memory;
mod metric;
mod page;
mod pending;
mod pressure;
mod serve;
mod snapshot;
mod sources;
mod track;
mod watch;

pub use health::{Figure, Report};
pub use memory::{Memory, Scope, Usage};
pub use metric::{Kind, Metric, PREFIX, Reading, State};
pub use pending::{Gone, Pending, Reply};
pub use pressure::Marks;
pub use snapshot::{Health, History, Snapshot, SourceState};
pub use sources::{SourceError, Told};
pub use track::{Guard, KINDS_MAX, LABEL_BYTES_MAX, OTHER, TRACKED_MAX, Tracked, Tracker};
pub use watch::{Builder, Error, Vitals, catalogue};
