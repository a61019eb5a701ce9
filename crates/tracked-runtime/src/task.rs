//! What is put around a task so that it is counted and can be ended, and what all tasks of a runtime share.
//!
//! A task is polled for every packet. What stands around it then costs a flag that is read and a comparison of wakers; the
//! lock of the figures is taken as a task begins and as it ends, that of the cancellation as it is first polled.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::Figures;

/// Those of one runtime.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    figures: Mutex<Figures>,
    /// Told whenever the last task has gone.
    idle: Notify,
    cancelled: AtomicBool,
    /// Told once `cancelled` is set.
    cancel: Arc<Notify>,
}

impl Tasks {
    /// Counts a task, from now until what is returned is dropped.
    pub(crate) fn track(
        self: &Arc<Self>,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Tracked {
        let mut figures = self.lock();
        figures.live += 1;
        figures.spawned += 1;
        drop(figures);
        Tracked {
            future,
            // Hears of a cancellation from now on, and not only once it is polled.
            cancel: self.cancel.clone().notified_owned(),
            waker: None,
            end: End {
                how: How::Cancelled,
                tasks: self.clone(),
            },
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        *self.lock()
    }

    pub(crate) async fn idle(&self) {
        loop {
            // First it listens and then it looks, so that no end falls between the two.
            let idle = self.idle.notified();
            if self.figures().live == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(crate) fn cancel(&self) {
        // First the flag: a task that listens too late to be told finds it set.
        self.cancelled.store(true, Ordering::SeqCst);
        self.cancel.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        // Nothing panics while it holds the lock; and figures are whole whatever happens.
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pin_project! {
    /// A task, counted.
    pub(crate) struct Tracked {
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
        #[pin]
        cancel: OwnedNotified,
        // Whom `cancel` would wake.
        waker: Option<Waker>,
        // Behind the future, so that what that holds is free before the task counts as gone.
        end: End,
    }
}

impl Future for Tracked {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let tasks = &this.end.tasks;
        let waker = context.waker();
        if !this.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *this.waker = Some(waker.clone());
            // Whether it is ready does not matter: the flag was set before.
            let _ = this.cancel.poll(context);
        }
        if tasks.cancelled.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        this.end.how = How::Panicked;
        let polled = this.future.as_mut().poll(context);
        this.end.how = How::Cancelled;
        ready!(polled);
        this.end.how = How::Finished;
        Poll::Ready(())
    }
}

/// How a task would have ended, were it dropped now.
#[derive(Clone, Copy)]
enum How {
    Finished,
    Cancelled,
    Panicked,
}

/// Counts a task as gone when it is dropped.
struct End {
    how: How,
    tasks: Arc<Tasks>,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut figures = self.tasks.lock();
        figures.live -= 1;
        match self.how {
            How::Finished => figures.finished += 1,
            How::Cancelled => figures.cancelled += 1,
            How::Panicked => figures.panicked += 1,
        }
        let idle = figures.live == 0;
        drop(figures);
        if idle {
            self.tasks.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::pin::pin;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_task_that_goes_over_to_another_waker_still_hears_of_the_cancellation() {
        let tasks = Arc::<Tasks>::default();
        let mut task = pin!(tasks.track(Box::pin(pending())));
        let woken = Arc::<Woken>::default();
        let latest = Waker::from(woken.clone());
        for waker in [Waker::noop(), &latest] {
            let polled = task.as_mut().poll(&mut Context::from_waker(waker));
            assert!(polled.is_pending());
        }
        tasks.cancel();
        assert!(woken.0.load(Ordering::SeqCst));
        let polled = task.as_mut().poll(&mut Context::from_waker(&latest));
        assert!(polled.is_ready());
    }
}
