//! What the kernel knows of another process: memory, descriptors, sockets, threads, processor time.
//!
//! A figure that the kernel does not give, be it for lack of leave or because the process has just ended, is missing.

use procfs::process::{FDTarget, Process};
use procfs::{Current, Meminfo};

/// One look at a process.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Reading {
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub fds: Option<u64>,
    pub sockets: Option<u64>,
    pub threads: Option<u64>,
    /// Processor time that it has used so far, in seconds.
    pub cpu_seconds: Option<f64>,
    /// When it was started, in the kernel's ticks: two processes that had one id after the other differ in it.
    pub started: Option<u64>,
    /// Whether it has ended and only waits for its parent to notice.
    pub is_zombie: bool,
}

/// Looks at the process with this id.
pub fn read(pid: i32) -> Reading {
    let Ok(process) = Process::new(pid) else {
        return Reading::default();
    };
    let memory = process.statm().ok();
    let pages = |pages: u64| pages.saturating_mul(procfs::page_size());
    let stat = process.stat().ok();
    let descriptors = process.fd().ok().map(|all| {
        // One that was closed between listing and looking is no descriptor any more.
        all.flatten().fold((0, 0), |(fds, sockets), one| {
            let is_socket = matches!(one.target, FDTarget::Socket(_));
            (fds + 1, sockets + u64::from(is_socket))
        })
    });
    Reading {
        resident_bytes: memory.as_ref().map(|memory| pages(memory.resident)),
        virtual_bytes: memory.as_ref().map(|memory| pages(memory.size)),
        fds: descriptors.map(|(fds, _)| fds),
        sockets: descriptors.map(|(_, sockets)| sockets),
        threads: stat
            .as_ref()
            .and_then(|stat| u64::try_from(stat.num_threads).ok()),
        cpu_seconds: stat
            .as_ref()
            .map(|stat| (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64),
        started: stat.as_ref().map(|stat| stat.starttime),
        is_zombie: stat.as_ref().is_some_and(|stat| stat.state == 'Z'),
    }
}

/// The memory of the machine, in bytes.
pub fn memory_bytes() -> Option<u64> {
    Meminfo::current().ok().map(|memory| memory.mem_total)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_socket_more_is_a_descriptor_and_a_socket_more() {
        let own = std::process::id().cast_signed();
        // Other tests open and close things meanwhile: many at once stand out.
        let before = read(own);
        let sockets: Vec<_> = (0..200)
            .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        let after = read(own);
        let more = |of: fn(&Reading) -> Option<u64>| of(&after).unwrap() - of(&before).unwrap();
        assert!(more(|reading| reading.fds) > 150, "{before:?} {after:?}");
        assert!(more(|reading| reading.sockets) > 150);
        assert_eq!(sockets.len(), 200);
        assert!(after.resident_bytes.unwrap() > 100_000 && after.threads.unwrap() > 0);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_figures() {
        assert_eq!(read(i32::MAX), Reading::default());
    }
}
