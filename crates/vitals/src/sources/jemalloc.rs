//! Figures of jemalloc, for a program that allocates with it.

use std::ffi::CStr;
use std::ptr;

use tikv_jemalloc_ctl::{epoch, stats};

use super::{Source, SourceError, metrics};
use crate::metric::{Column, read};

struct Figures {
    allocated: usize,
    active: usize,
    mapped: usize,
    retained: usize,
}

pub(crate) fn source() -> Source {
    Source::new("jemalloc", metrics(TABLE), || async {
        let figures = figures().map_err(|error| SourceError::Failed(error.to_string()))?;
        Ok(read(TABLE, &figures))
    })
}

/// Gives unused pages back to the system. What it cannot give back stays.
#[allow(unsafe_code)] // The control library has no call for it.
pub(crate) fn purge() {
    let (nothing, none) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the name ends in a zero byte, and the control neither reads nor writes a value.
    let code = unsafe {
        tikv_jemalloc_sys::mallctl(ALL_ARENAS.as_ptr(), nothing, none, ptr::null_mut(), 0)
    };
    if code != 0 {
        tracing::warn!("jemalloc could not be purged: error {code}");
    }
}

/// 4096 stands for all arenas.
const ALL_ARENAS: &CStr = c"arena.4096.purge";

fn figures() -> tikv_jemalloc_ctl::Result<Figures> {
    epoch::advance()?;
    Ok(Figures {
        allocated: stats::allocated::read()?,
        active: stats::active::read()?,
        mapped: stats::mapped::read()?,
        retained: stats::retained::read()?,
    })
}

type Jemalloc = Column<Figures>;

static TABLE: &[Jemalloc] = &[
    Jemalloc::gauge(
        "jemalloc.allocated_bytes",
        "Bytes that the program holds.",
        |s| s.allocated as f64,
    ),
    Jemalloc::gauge(
        "jemalloc.active_bytes",
        "Bytes of the pages that these lie on.",
        |s| s.active as f64,
    ),
    Jemalloc::gauge(
        "jemalloc.mapped_bytes",
        "Bytes that are mapped for them.",
        |s| s.mapped as f64,
    ),
    Jemalloc::gauge(
        "jemalloc.retained_bytes",
        "Bytes of address space kept for later, which take no memory.",
        |s| s.retained as f64,
    ),
];
