// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that watchers keep nothing of subscribers which are gone.
use std::cell::Cell;

use super::{UpdateResult, Watched, WatchedValue, WatcherSet};

#[derive(Default)]
struct WatchedNumber(Cell<u64>);

impl Watched for WatchedNumber {
    type Value = u64;

    fn current(&self) -> u64 {
        self.0.get()
    }

    fn update_if_changed(&self, cmp: &u64) -> UpdateResult<u64> {
        if self.0.replace(*cmp) == *cmp {
            UpdateResult::Unchanged
        } else {
            UpdateResult::Changed(WatchedValue {
                difference: None,
                value: *cmp,
            })
        }
    }
}

#[test]
fn keys_which_nobody_watches_anymore_are_forgotten() {
    let set: WatcherSet<u64, WatchedNumber> = WatcherSet::new();

    for key in 0..16 {
        drop(set.subscribe(key, true, WatchedNumber::default()));
    }

    assert!(set.watchers.borrow().len() <= 1);
}

#[test]
fn subscribers_of_a_value_which_never_changes_are_forgotten() {
    let set: WatcherSet<u64, WatchedNumber> = WatcherSet::new();

    let _watching = set.subscribe(0, true, WatchedNumber::default());
    for _ in 0..16 {
        drop(set.subscribe(0, true, WatchedNumber::default()));
    }

    let watchers = set.watchers.borrow();
    assert!(watchers[&0].subscribers.borrow().len() <= 2);
}

#[test]
fn a_new_subscriber_sees_the_value_of_today() {
    let set: WatcherSet<u64, WatchedNumber> = WatcherSet::new();

    // Nobody is there when the value changes.
    drop(set.subscribe(0, true, WatchedNumber(Cell::new(1))));
    let mut watching = set.subscribe(0, false, WatchedNumber(Cell::new(2)));

    assert_eq!(watching.try_recv().unwrap().value, 2);
}
