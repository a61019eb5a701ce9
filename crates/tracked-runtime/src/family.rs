//! What quinn and iroh-quinn each call a runtime: two traits of the same shape, which know nothing of each other.

use std::pin::Pin;
use std::time::Duration;

/// The family of quinn.
#[cfg(feature = "quinn")]
#[derive(Debug)]
pub enum Quinn {}

/// The family of iroh-quinn.
#[cfg(feature = "iroh-quinn")]
#[derive(Debug)]
pub enum IrohQuinn {}

/// A runtime that can tell when a while is over: every one of the family `F`.
pub trait Clock<F> {
    /// Ends after that long; never, if that is further away than the clock can tell.
    fn sleep(&self, long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

macro_rules! family {
    ($feature:literal, $krate:ident, $name:ident) => {
        #[cfg(feature = $feature)]
        const _: () = {
            use std::future::{pending, poll_fn};
            use std::io;
            use std::net::UdpSocket;
            use std::sync::Arc;
            use std::time::Instant;

            use $krate::{AsyncTimer, AsyncUdpSocket, Runtime};

            use crate::TrackedRuntime;

            impl<R: Runtime + ?Sized> Runtime for TrackedRuntime<R> {
                fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
                    self.runtime.new_timer(at)
                }

                #[track_caller]
                fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
                    self.runtime.spawn(Box::pin(self.tasks.track(task)));
                }

                fn wrap_udp_socket(
                    &self,
                    socket: UdpSocket,
                ) -> io::Result<Arc<dyn AsyncUdpSocket>> {
                    self.runtime.wrap_udp_socket(socket)
                }

                fn now(&self) -> Instant {
                    self.runtime.now()
                }
            }

            impl<R: Runtime + ?Sized> Clock<$name> for R {
                fn sleep(&self, long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
                    let Some(end) = self.now().checked_add(long) else {
                        return Box::pin(pending());
                    };
                    let mut timer = self.new_timer(end);
                    Box::pin(poll_fn(move |context| timer.as_mut().poll(context)))
                }
            }
        };
    };
}

family!("quinn", quinn, Quinn);
family!("iroh-quinn", iroh_quinn, IrohQuinn);
