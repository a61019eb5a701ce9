//! Calls what others wrote, again and again: each time in a task of its own, so that whatever it does, hang or panic, is
//! its own failure; and never anew while an earlier call blocks its thread, or every thread of the runtime would be lost
//! to it in the end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout_at};

/// Why a call came to nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("panicked")]
    Panicked,
    #[error("did not answer in time")]
    Late,
    #[error("still blocks a thread, from an earlier call")]
    Blocks,
}

type Made<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something that can be called.
pub(crate) struct Call<T> {
    make: Arc<dyn Fn() -> Made<T> + Send + Sync>,
    last: Option<AbortHandle>,
}

/// A call that has begun. It ends when this is dropped.
pub(crate) struct Begun<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> Call<T> {
    pub fn new<F>(make: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self {
            make: Arc::new(move || Box::pin(make())),
            last: None,
        }
    }

    pub fn begin(&mut self) -> Begun<T> {
        if self.last.as_ref().is_some_and(|last| !last.is_finished()) {
            return Begun(None);
        }
        let make = self.make.clone();
        let task = tokio::spawn(async move { make().await });
        self.last = Some(task.abort_handle());
        Begun(Some(task))
    }
}

impl<T> Begun<T> {
    /// What it answers until then.
    pub async fn by(mut self, deadline: Instant) -> Result<T, Failure> {
        let task = self.0.as_mut().ok_or(Failure::Blocks)?;
        match timeout_at(deadline, task).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Failure::Panicked),
            Err(_) => Err(Failure::Late),
        }
    }
}

impl<T> Drop for Begun<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[tokio::test(start_paused = true)]
    async fn what_panics_before_it_is_a_future_is_a_failure_as_well() {
        let mut call = Call::new(|| {
            assert!(std::hint::black_box(false), "on purpose");
            std::future::ready(())
        });
        assert_eq!(call.begin().by(soon()).await, Err(Failure::Panicked));
        assert_eq!(call.begin().by(soon()).await, Err(Failure::Panicked));
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_ended_and_called_again() {
        let mut call = Call::new(std::future::pending::<()>);
        for _ in 0..3 {
            assert_eq!(call.begin().by(soon()).await, Err(Failure::Late));
            // The task hears that it was ended.
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_blocks_its_thread_takes_no_second_one() {
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(std::sync::Mutex::new(blocked));
        let mut call = Call::new(move || {
            let blocked = blocked.clone();
            async move { blocked.lock().unwrap().recv().unwrap() }
        });
        assert_eq!(call.begin().by(soon()).await, Err(Failure::Late));
        for _ in 0..3 {
            assert_eq!(call.begin().by(soon()).await, Err(Failure::Blocks));
        }
        release.send(()).unwrap();
        while call.last.as_ref().is_some_and(|last| !last.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        release.send(()).unwrap();
        assert_eq!(
            call.begin().by(soon() + Duration::from_secs(20)).await,
            Ok(())
        );
    }
}
