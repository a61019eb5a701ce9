//! Figures of this process, from the proc file system.

use procfs::process::{LimitValue, Process};

use super::{Source, SourceError, metrics};
use crate::metric::{Column, read};

struct Figures {
    resident: u64,
    r#virtual: u64,
    threads: i64,
    cpu_seconds: f64,
    descriptors: usize,
    descriptors_max: Option<u64>,
}

pub(crate) fn source() -> Source {
    Source::new("process", metrics(TABLE), || async {
        let figures = figures().map_err(|error| SourceError::Failed(error.to_string()))?;
        Ok(read(TABLE, &figures))
    })
}

/// Bytes of this process that are in memory now.
pub(crate) fn resident_bytes() -> Option<u64> {
    let stat = Process::myself().ok()?.stat().ok()?;
    Some(stat.rss * procfs::page_size())
}

fn figures() -> procfs::ProcResult<Figures> {
    let this = Process::myself()?;
    let stat = this.stat()?;
    let ticks = procfs::ticks_per_second() as f64;
    Ok(Figures {
        resident: stat.rss * procfs::page_size(),
        r#virtual: stat.vsize,
        threads: stat.num_threads,
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        descriptors: this.fd_count()?,
        descriptors_max: match this.limits()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit),
            LimitValue::Unlimited => None,
        },
    })
}

type This = Column<Figures>;

static TABLE: &[This] = &[
    This::gauge(
        "process.resident_bytes",
        "Bytes of the process in memory.",
        |s| s.resident as f64,
    ),
    This::gauge(
        "process.virtual_bytes",
        "Bytes of the process' address space.",
        |s| s.r#virtual as f64,
    ),
    This::gauge("process.threads", "Threads of the process.", |s| {
        s.threads as f64
    }),
    This::counter(
        "process.cpu_seconds",
        "Time that the process has computed.",
        |s| s.cpu_seconds,
    ),
    This::gauge(
        "process.open_descriptors",
        "Open files and sockets of the process.",
        |s| s.descriptors as f64,
    )
    .limit(|s| s.descriptors_max.map(|limit| limit as f64)),
];
