//! What is known of recent messages: entries that leave in the order in which they came.

use std::{
    collections::{HashMap, VecDeque},
    mem::size_of,
};

use n0_future::time::Instant;

use super::{Gossip, MessageId};

/// Entries that there is room for without asking whether it is needed.
const ROOM_MIN: usize = 64;

/// A map of messages that forgets the oldest, by time and where it would outgrow its bound.
///
/// All entries live equally long, so that they expire in the order in which they were inserted: each
/// operation costs the entries that it removes.
#[derive(Debug)]
pub struct Recent<V> {
    entries: HashMap<MessageId, (Instant, V)>,
    /// When an entry expires, and what it is charged. One that was inserted again stands here twice,
    /// and goes with the second.
    by_age: VecDeque<(Instant, MessageId, usize)>,
    charged: usize,
    charged_max: usize,
}

impl<V> Recent<V> {
    /// An empty map, whose entries may be charged `charged_max` together.
    pub fn new(charged_max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            by_age: VecDeque::new(),
            charged: 0,
            charged_max,
        }
    }

    /// Inserts an entry that expires no earlier than those before it.
    ///
    /// Forgets the oldest, be it this one, as long as all together are charged more than the bound.
    pub fn insert(&mut self, id: MessageId, value: V, expires: Instant, charge: usize) {
        self.entries.insert(id, (expires, value));
        self.by_age.push_back((expires, id, charge));
        self.charged += charge;
        while self.charged > self.charged_max {
            self.remove_oldest();
        }
    }

    pub fn get(&self, id: &MessageId) -> Option<&V> {
        self.entries.get(id).map(|(_, value)| value)
    }

    pub fn contains_key(&self, id: &MessageId) -> bool {
        self.entries.contains_key(id)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets what expires at `now` or earlier, and gives back the room that a burst took.
    pub fn expire_until(&mut self, now: Instant) {
        while matches!(self.by_age.front(), Some((expires, ..)) if *expires <= now) {
            self.remove_oldest();
        }
        if self.by_age.capacity() > 4 * self.by_age.len().max(ROOM_MIN) {
            self.entries.shrink_to(2 * self.by_age.len());
            self.by_age.shrink_to(2 * self.by_age.len());
        }
    }

    fn remove_oldest(&mut self) {
        let Some((expired, id, charge)) = self.by_age.pop_front() else {
            return;
        };
        self.charged -= charge;
        if matches!(self.entries.get(&id), Some((expires, _)) if *expires <= expired) {
            self.entries.remove(&id);
        }
    }
}

impl Gossip {
    /// Bytes that it takes to keep this message: its content, and what stands beside it.
    pub(super) fn weight(&self) -> usize {
        let entry = size_of::<(MessageId, (Instant, Gossip))>();
        let age = size_of::<(Instant, MessageId, usize)>();
        self.content.len() + entry + age
    }
}
