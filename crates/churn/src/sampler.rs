//! Reads what this process holds: live heap bytes, resident bytes, descriptors, threads, tasks.

use anyhow::{Context, Result};
use procfs::process::{FDTarget, Process};
use tikv_jemalloc_ctl::{Access, AsName, epoch, epoch_mib, stats};
use tokio::runtime::Handle;

use crate::protocol::Held;

/// Takes readings of this process. It holds the same few bytes from the first to the last.
pub struct Sampler {
    process: Process,
    epoch: epoch_mib,
    allocated: stats::allocated_mib,
}

impl Sampler {
    /// Opens what readings are taken from.
    ///
    /// # Errors
    ///
    /// Without procfs, or with an allocator that was built without its statistics.
    pub fn new() -> Result<Self> {
        Ok(Self {
            process: Process::myself().context("no procfs to sample from")?,
            epoch: epoch::mib().context("the allocator keeps no statistics")?,
            allocated: stats::allocated::mib().context("the allocator keeps no statistics")?,
        })
    }

    /// What the process holds now. Must be called within the runtime whose tasks are counted.
    ///
    /// # Errors
    ///
    /// When procfs or the allocator refuses: a reading that failed is no zero.
    pub fn read(&self) -> Result<Held> {
        // The heap first: reading the other figures allocates, if only for the moment. The allocator's figures stand
        // still until the epoch moves.
        self.epoch
            .advance()
            .context("the allocator's figures do not move")?;
        let heap_bytes = self
            .allocated
            .read()
            .context("no figure for the live heap")?;
        let resident_kib = self.process.status()?.vmrss;
        let resident_kib = resident_kib.context("no figure for resident memory")?;
        let (mut fds, mut sockets) = (0, 0);
        // One that another thread has closed since it was listed is none any more.
        for descriptor in self.process.fd()?.flatten() {
            fds += 1;
            sockets += u64::from(matches!(descriptor.target, FDTarget::Socket(_)));
        }
        Ok(Held {
            heap_bytes: heap_bytes as u64,
            resident_bytes: resident_kib * 1024,
            fds,
            sockets,
            threads: self.process.stat()?.num_threads as u64,
            tasks: Handle::current().metrics().num_alive_tasks() as u64,
        })
    }
}

/// Has every free of the calling thread reach the allocator's figures at once.
///
/// By default a thread keeps some of what it freed for its next allocations, and the figures count that as live: up to a
/// few megabytes that come and go. To be called on every thread of a workload, before it does anything.
pub fn count_exactly() {
    // A build of jemalloc without thread caches has no such switch, and is exact as it is.
    b"thread.tcache.enabled\0".name().write(false).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_live_megabyte_shows_and_goes_when_it_is_freed() {
        count_exactly();
        let sampler = Sampler::new().unwrap();
        let before = sampler.read().unwrap().heap_bytes;
        let megabyte = std::hint::black_box(vec![0_u8; 1 << 20]);
        let during = sampler.read().unwrap().heap_bytes;
        drop(megabyte);
        let after = sampler.read().unwrap().heap_bytes;
        // Other tests allocate on threads of their own meanwhile, but nothing near half of that.
        assert!(during > before + (1 << 19), "{before} {during}");
        assert!(after + (1 << 19) < during, "{during} {after}");
    }

    #[tokio::test]
    async fn an_alive_task_is_counted_until_it_ends() {
        let sampler = Sampler::new().unwrap();
        let before = sampler.read().unwrap().tasks;
        let task = tokio::spawn(std::future::pending::<()>());
        assert_eq!(sampler.read().unwrap().tasks, before + 1);
        task.abort();
        task.await.unwrap_err();
        assert_eq!(sampler.read().unwrap().tasks, before);
    }
}
