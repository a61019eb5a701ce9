//! The connection attempts that wait for [`Endpoint::accept`](super::Endpoint::accept)
//!
//! Those that wait too long leave the queue as they leave the protocol's own table: oldest first.

use std::{pin::Pin, task::Context};

use super::State;
use crate::{Instant, runtime::AsyncTimer};

impl State {
    /// Take the next connection attempt that can still be accepted
    pub(super) fn pop_incoming(&mut self) -> Option<proto::Incoming> {
        self.forget_expired();
        self.recv_state.incoming.pop_front()
    }

    /// Forget connection attempts that waited too long, and arrange for the others
    ///
    /// Registers the driver to be woken when the oldest expires.
    pub(super) fn drive_incoming(&mut self, cx: &mut Context<'_>) {
        while let Some(expiry) = self.inner.poll_timeout() {
            let timer = self.incoming_timer.get_or_insert_with(|| IncomingTimer {
                expiry,
                timer: self.runtime.new_timer(expiry),
            });
            if timer.expiry != expiry {
                timer.expiry = expiry;
                timer.timer.as_mut().reset(expiry);
            }
            if timer.timer.as_mut().poll(cx).is_pending() {
                break;
            }
            self.incoming_timer = None;
            self.inner.handle_timeout(self.runtime.now().max(expiry));
        }
        self.forget_expired();
    }

    /// Have the driver look after what changed without it
    pub(super) fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    fn forget_expired(&mut self) {
        let queue = &mut self.recv_state.incoming;
        while let Some(incoming) = queue.front() {
            if self.inner.is_pending(incoming) {
                break;
            }
            queue.pop_front();
        }
    }
}

/// Fires when the oldest connection attempt expires
#[derive(Debug)]
pub(super) struct IncomingTimer {
    expiry: Instant,
    timer: Pin<Box<dyn AsyncTimer>>,
}
