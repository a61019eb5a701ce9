//! Figures of the tokio runtime that the watch runs on.

use tokio::runtime::{Handle, RuntimeMetrics};

use super::Source;
use crate::metric::{Column, Metric, read};

pub(crate) fn source(runtime: Handle) -> Source {
    Source::new("runtime", metrics(), move || {
        let told = read(TABLE, &runtime.metrics());
        async move { Ok(told) }
    })
}

/// What it can tell.
pub(crate) fn metrics() -> Vec<&'static Metric> {
    super::metrics(TABLE)
}

type Runtime = Column<RuntimeMetrics>;

static TABLE: &[Runtime] = &[
    Runtime::gauge("runtime.workers", "Worker threads of the runtime.", |s| {
        s.num_workers() as f64
    }),
    Runtime::gauge("runtime.tasks", "Tasks that have not ended.", |s| {
        s.num_alive_tasks() as f64
    }),
    Runtime::gauge(
        "runtime.queued_tasks",
        "Tasks that are ready and wait in the queue of all workers.",
        |s| s.global_queue_depth() as f64,
    ),
];
