//! What a runtime tells of its tasks, on tokio's paused clock.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Runtime, TokioRuntime};
use tokio::sync::oneshot;
use tokio::task::{spawn, yield_now};
use tracked_runtime::TrackedRuntime;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_task_is_counted_from_its_spawn_to_its_end() {
    let runtime = tracked();
    let (end, ended) = oneshot::channel::<()>();
    spawn_on(&runtime, async { ended.await.unwrap() });
    spawn_on(&runtime, async {});
    assert_eq!(runtime.len(), 2);
    yield_now().await;
    assert_eq!((runtime.len(), runtime.figures().finished), (1, 1));
    end.send(()).unwrap();
    runtime.wait(LIMIT).await.unwrap();
    let figures = runtime.figures();
    assert!(runtime.is_empty());
    assert_eq!((figures.spawned, figures.finished), (2, 2));
    assert_eq!((figures.cancelled, figures.panicked), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_wait_for_is_no_wait() {
    let runtime = tracked();
    runtime.wait(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_limit_with_the_number_of_those_still_running() {
    let runtime = tracked();
    for _ in 0..3 {
        spawn_on(&runtime, pending());
    }
    let before = tokio::time::Instant::now();
    let still_running = runtime.wait(LIMIT).await.unwrap_err();
    assert_eq!(still_running.live, 3);
    assert_eq!(still_running.to_string(), "3 tasks are still running");
    assert!(before.elapsed() >= LIMIT && before.elapsed() < LIMIT * 2);
}

#[tokio::test(start_paused = true)]
async fn the_longest_limit_there_is_is_no_limit() {
    let runtime = tracked();
    spawn_on(&runtime, tokio::time::sleep(LIMIT));
    runtime.wait(Duration::MAX).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_given_up_can_be_taken_up_again() {
    let runtime = tracked();
    spawn_on(&runtime, tokio::time::sleep(LIMIT));
    assert!(
        tokio::time::timeout(LIMIT / 2, runtime.wait(LIMIT * 2))
            .await
            .is_err()
    );
    runtime.wait(LIMIT).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_counted_and_holds_nobody_up() {
    let runtime = tracked();
    spawn_on(&runtime, async { panic!("as this test wants") });
    spawn_on(&runtime, async {
        yield_now().await;
        panic!("as this test wants")
    });
    runtime.wait(LIMIT).await.unwrap();
    let figures = runtime.figures();
    assert_eq!((figures.panicked, figures.spawned), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_ends_every_task_while_others_wait_for_it() {
    let runtime = tracked();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let runtime = runtime.clone();
            spawn(async move { runtime.wait(LIMIT).await })
        })
        .collect();
    for _ in 0..100 {
        spawn_on(&runtime, pending());
    }
    yield_now().await;
    runtime.cancel();
    for wait in waiting {
        wait.await.unwrap().unwrap();
    }
    runtime.cancel();
    assert_eq!(runtime.figures().cancelled, 100);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_never_polled_is_cancelled_too() {
    let runtime = tracked();
    spawn_on(&runtime, async { unreachable!("it was cancelled before") });
    runtime.cancel();
    spawn_on(&runtime, async { unreachable!("it comes too late") });
    runtime.wait(LIMIT).await.unwrap();
    assert_eq!(runtime.figures().cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_task_held_is_free_before_the_wait_for_it_ends() {
    let runtime = tracked();
    let held = Arc::new(());
    let (of_cancelled, of_finished) = (held.clone(), held.clone());
    spawn_on(&runtime, async move {
        let _held = of_cancelled;
        pending::<()>().await
    });
    spawn_on(&runtime, async move { drop(of_finished) });
    yield_now().await;
    runtime.cancel();
    runtime.wait(LIMIT).await.unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_task_that_goes_with_its_executor_is_counted_as_cancelled() {
    let runtime = tracked();
    let executor = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    executor.block_on(async { spawn_on(&runtime, pending()) });
    assert_eq!(runtime.len(), 1);
    drop(executor);
    assert_eq!((runtime.len(), runtime.figures().cancelled), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_was_chosen_at_run_time_is_tracked_as_well() {
    let runtime: TrackedRuntime<dyn Runtime> =
        TrackedRuntime::new(quinn::default_runtime().unwrap());
    runtime.spawn(Box::pin(async {}));
    runtime.wait(LIMIT).await.unwrap();
    assert_eq!(runtime.figures().finished, 1);
}

fn tracked() -> TrackedRuntime<TokioRuntime> {
    TrackedRuntime::new(Arc::new(TokioRuntime))
}

fn spawn_on<R: Runtime>(
    runtime: &TrackedRuntime<R>,
    task: impl Future<Output = ()> + Send + 'static,
) {
    runtime.spawn(Box::pin(task));
}
