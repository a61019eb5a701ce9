//! Has the system's clock jump with the runtime's, as the thread of the nodes sees it.
//!
//! iroh 1.4.1 sets the timers of its connections by the runtime's clock and reads the system's for what time it is. Where the
//! one has jumped ahead, a connection is woken for a timer that, as it believes, lies ahead, sets it again, and is woken at
//! once: the thread is busy until the system's clock has caught up, and an hour takes an hour. Nothing in iroh's interface
//! changes that, and both sides must wait alike. So the function by which Rust's standard library asks for the time is one of
//! this program's own. Other threads, and the time of day, go by the system's clock as ever; so the nodes' thread must not block
//! with a time limit, which would end as much later as this thread is ahead.
#![allow(unsafe_code, reason = "a function of the C library is replaced")]

use std::cell::Cell;
use std::time::{Duration, Instant};

use libc::{CLOCK_MONOTONIC, SYS_clock_gettime, c_int, clockid_t, timespec};

thread_local! {
    /// By how much this thread is ahead of the system's clock. It only grows: time never goes back.
    static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Lets the calling thread's time catch up with its runtime's, if that has jumped ahead. To be called whenever it may have.
pub fn follow() {
    let runtimes = tokio::time::Instant::now().into_std();
    let jump = runtimes.saturating_duration_since(Instant::now());
    AHEAD.set(AHEAD.get() + jump);
}

/// In the place of the C library's, and like it but for [`AHEAD`].
#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the kernel writes to where the caller asks it to, or refuses.
    let result = unsafe { libc::syscall(SYS_clock_gettime, clock, time) } as c_int;
    if result == 0 && clock == CLOCK_MONOTONIC {
        // SAFETY: the kernel has just written there.
        let time = unsafe { &mut *time };
        let ahead = AHEAD.get();
        let nanos = time.tv_nsec + i64::from(ahead.subsec_nanos());
        time.tv_sec += ahead.as_secs() as i64 + nanos / NANOS;
        time.tv_nsec = nanos % NANOS;
    }
    result
}

const NANOS: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test(start_paused = true)]
    async fn a_jump_of_the_runtimes_clock_is_one_of_this_threads_and_of_no_other() {
        let others = thread::spawn(Instant::now).join().unwrap();
        tokio::time::advance(DAY).await;
        follow();
        assert!(Instant::now() >= tokio::time::Instant::now().into_std());
        let others = thread::spawn(move || others.elapsed()).join().unwrap();
        assert!(others < DAY, "{others:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_never_goes_back_nor_falls_behind_the_runtimes() {
        let mut before = Instant::now();
        for jump in [Duration::ZERO, DAY, Duration::ZERO, Duration::from_nanos(1)] {
            tokio::time::advance(jump).await;
            follow();
            let now = Instant::now();
            let runtimes = tokio::time::Instant::now().into_std();
            assert!(now >= before && now >= runtimes, "{jump:?}");
            before = now;
        }
    }
}
