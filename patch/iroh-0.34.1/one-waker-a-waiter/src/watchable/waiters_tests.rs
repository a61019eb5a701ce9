//! How many wakers a watched value keeps, and whom it wakes.

use std::{
    future::Future,
    pin::{pin, Pin},
    sync::{atomic::AtomicUsize, atomic::Ordering, mpsc, Arc, Mutex, Weak},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use n0_future::{Stream, StreamExt};

use super::*;

const POLLS: usize = 1000;

/// Longer than anything here takes, for what hangs where it is broken.
const HANGS: Duration = Duration::from_secs(30);

/// Counts how often it was woken; how many hold it is how many wakers there are.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Task {
    fn woken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A task that nobody else holds, and what to find it by.
fn task() -> (Waker, Weak<Task>) {
    let task = Arc::new(Task::default());
    let found = Arc::downgrade(&task);
    (task.into(), found)
}

/// Polls as often as `POLLS`, each time for another task, and says how many of these are still held.
fn held_after_polls_for_ever_new_tasks(mut poll: impl FnMut(&mut Context) -> bool) -> usize {
    let tasks = (0..POLLS).map(|_| {
        let (waker, task) = task();
        assert!(poll(&mut Context::from_waker(&waker)), "nothing was set");
        task
    });
    let tasks: Vec<_> = tasks.collect();
    tasks.iter().map(Weak::strong_count).sum()
}

#[test]
fn one_waiter_is_one_waker_however_often_it_is_polled() {
    let watchable = Watchable::new(Some(1));
    let mut watcher = watchable.watch();
    let (waker, task) = task();
    let mut cx = Context::from_waker(&waker);
    for _ in 0..POLLS {
        assert!(pin!(watcher.updated()).poll(&mut cx).is_pending());
    }
    assert_eq!(task.strong_count(), 2, "ours and the watcher's");
}

#[test]
fn the_waker_of_an_earlier_poll_goes_with_the_next() {
    let watchable = Watchable::new(None::<u8>);

    let mut watcher = watchable.watch();
    let updated = |cx: &mut Context| pin!(watcher.updated()).poll(cx).is_pending();
    assert_eq!(held_after_polls_for_ever_new_tasks(updated), 1);

    let mut watcher = watchable.watch();
    let initialized = |cx: &mut Context| pin!(watcher.initialized()).poll(cx).is_pending();
    assert_eq!(held_after_polls_for_ever_new_tasks(initialized), 1);

    let mut stream = watchable.watch().stream_updates_only();
    let next = |cx: &mut Context| Pin::new(&mut stream).poll_next(cx).is_pending();
    assert_eq!(held_after_polls_for_ever_new_tasks(next), 1);
}

#[test]
fn a_waiter_that_goes_takes_its_waker_along() {
    let watchable = Watchable::new(1);
    let (waker, task) = task();
    let mut cx = Context::from_waker(&waker);
    for _ in 0..POLLS {
        let mut stream = watchable.watch().stream_updates_only();
        assert!(Pin::new(&mut stream).poll_next(&mut cx).is_pending());
    }
    assert_eq!(task.strong_count(), 1, "ours");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_that_the_last_watchable_was_dropped() {
    let watchable = Watchable::new(1);
    let another = watchable.clone();
    let mut watcher = watchable.watch();
    let mut stream = watcher.clone().stream_updates_only();
    let updated = tokio::spawn(async move { watcher.updated().await });
    let next = tokio::spawn(async move { stream.next().await });
    tokio::task::yield_now().await;

    drop(watchable);
    tokio::task::yield_now().await;
    assert!(!updated.is_finished(), "another one is there");

    drop(another);
    let both = async { (updated.await.unwrap(), next.await.unwrap()) };
    let (updated, next) = tokio::time::timeout(HANGS, both)
        .await
        .expect("nobody was woken");
    assert!(updated.is_err());
    assert_eq!(next, None);
}

#[test]
fn a_clone_of_a_waiter_is_another_waiter() {
    let watchable = Watchable::new(1);
    let mut one = watchable.watch().stream_updates_only();
    let (first, first_task) = task();
    assert!(Pin::new(&mut one)
        .poll_next(&mut Context::from_waker(&first))
        .is_pending());
    let mut two = one.clone();
    let (second, second_task) = task();
    assert!(Pin::new(&mut two)
        .poll_next(&mut Context::from_waker(&second))
        .is_pending());

    watchable.set(2).unwrap();
    for task in [&first_task, &second_task] {
        assert_eq!(task.upgrade().unwrap().woken(), 1);
    }
    for (stream, waker) in [(&mut one, &first), (&mut two, &second)] {
        let next = Pin::new(stream).poll_next(&mut Context::from_waker(waker));
        assert_eq!(next, Poll::Ready(Some(2)));
    }
}

#[test]
fn a_waker_may_own_another_waiter() {
    /// Stands for a task that nothing but its waker holds, and that waits as well.
    struct Owner(#[allow(dead_code)] Mutex<Watcher<u8>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }

    let (done, ends) = mpsc::channel();
    thread::spawn(move || {
        let watchable = Watchable::new(1);
        let mut outer = watchable.watch();
        // Replaced by the next poll, given back by the waiter, and dropped with the value.
        for _ in 0..3 {
            let mut inner = watchable.watch();
            let (waker, _) = task();
            let mut cx = Context::from_waker(&waker);
            assert!(pin!(inner.updated()).poll(&mut cx).is_pending());
            let owner = Waker::from(Arc::new(Owner(Mutex::new(inner))));
            let mut cx = Context::from_waker(&owner);
            assert!(pin!(outer.updated()).poll(&mut cx).is_pending());
        }
        drop(outer);
        drop(watchable);
        done.send(()).ok();
    });
    ends.recv_timeout(HANGS).expect("it locked itself out");
}
