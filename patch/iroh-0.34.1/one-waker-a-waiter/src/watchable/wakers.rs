//! One waker for each waiter: what [`Watcher`]s leave with the value they wait for.
//!
//! [`Watcher`]: super::Watcher

use std::{collections::BTreeMap, mem, sync::Arc, task::Waker};

use super::sync::Mutex;

/// The wakers of everybody who waits for a value to change.
///
/// When it is dropped the value is gone, and everybody is woken to find out.
#[derive(Debug, Default)]
pub(super) struct Wakers(Arc<Mutex<Waiting>>);

/// Where one waiter leaves its waker.
///
/// It holds the waker of the latest poll and no other, and gives it back when it is dropped.
/// A clone is the place of another waiter: it starts out empty.
#[derive(Debug, Default)]
pub(super) struct Place(Option<(Arc<Mutex<Waiting>>, u64)>);

#[derive(Debug, Default)]
struct Waiting {
    /// By the number of the place, so that whoever came first is woken first.
    wakers: BTreeMap<u64, Waker>,
    next_place: u64,
}

impl Wakers {
    /// Sees to it that the next change wakes `waker`, instead of the one that `place` held.
    pub(super) fn register(&self, place: &mut Place, waker: &Waker) {
        let mut waiting = self.0.lock().expect("poisoned");
        let (_, number) = place.0.get_or_insert_with(|| {
            waiting.next_place += 1;
            (self.0.clone(), waiting.next_place)
        });
        let replaced = match waiting.wakers.get(number) {
            Some(held) if held.will_wake(waker) => None,
            _ => waiting.wakers.insert(*number, waker.clone()),
        };
        // A waker can be the last that holds a task, and the task hold a place of its own: it
        // must not be dropped under the lock.
        drop(waiting);
        drop(replaced);
    }

    /// Wakes everybody, once.
    pub(super) fn wake_all(&self) {
        let woken = mem::take(&mut self.0.lock().expect("poisoned").wakers);
        for waker in woken.into_values() {
            waker.wake();
        }
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        self.wake_all();
    }
}

impl Clone for Place {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((waiting, number)) = self.0.take() else {
            return;
        };
        let held = waiting.lock().expect("poisoned").wakers.remove(&number);
        // Not under the lock, as in `register`.
        drop(held);
    }
}
