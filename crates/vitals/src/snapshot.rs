//! What was read in one round, and the rounds before it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::metric::{Reading, State};

/// Everything that was read in one round.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When the round began.
    pub at: SystemTime,
    /// In the order of the sources. What a failed source would have told is missing, never zero.
    pub readings: Vec<Reading>,
    /// How each source did.
    pub sources: Vec<SourceState>,
}

/// How a source did in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// What it tells of.
    pub name: &'static str,
    /// Whether it answered.
    pub health: Health,
}

/// Whether a source answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It did.
    Up,
    /// It could not be read this time, for this reason.
    Failed(String),
    /// What it told of has ended, for this reason, and does not come back.
    Ended(String),
}

impl Snapshot {
    /// The figure of this name, as in `address_book.peers`; of several with labels the first.
    pub fn get(&self, name: &str) -> Option<&Reading> {
        self.readings
            .iter()
            .find(|reading| reading.metric.name == name)
    }

    /// The worst of its states.
    pub fn worst(&self) -> State {
        let states = self.readings.iter().map(Reading::state);
        states.max().unwrap_or(State::Ok)
    }

    /// Why a source has ended, if one has.
    pub fn ended(&self) -> Option<(&'static str, &str)> {
        self.sources.iter().find_map(|source| match &source.health {
            Health::Ended(reason) => Some((source.name, &**reason)),
            Health::Up | Health::Failed(_) => None,
        })
    }

    /// Whether every source answered.
    pub fn is_whole(&self) -> bool {
        self.sources
            .iter()
            .all(|source| source.health == Health::Up)
    }
}

/// The last rounds, bounded in number.
#[derive(Debug)]
pub struct History {
    rounds: Mutex<VecDeque<Arc<Snapshot>>>,
    rounds_max: usize,
}

impl History {
    pub(crate) fn new(rounds_max: usize) -> Self {
        Self {
            rounds: Mutex::default(),
            rounds_max,
        }
    }

    pub(crate) fn push(&self, snapshot: Snapshot) {
        let mut rounds = self.lock();
        while rounds.len() >= self.rounds_max {
            rounds.pop_front();
        }
        rounds.push_back(Arc::new(snapshot));
    }

    /// The latest round; `None` before the first.
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.lock().back().cloned()
    }

    /// All rounds that are kept, the oldest first.
    pub fn rounds(&self) -> Vec<Arc<Snapshot>> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Snapshot>>> {
        // Nothing that runs under the lock panics; if it did, the rounds would still be whole.
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Snapshot {
        Snapshot {
            at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second),
            readings: Vec::new(),
            sources: Vec::new(),
        }
    }

    #[test]
    fn history_keeps_the_newest_rounds() {
        let history = History::new(3);
        assert!(history.latest().is_none());
        for second in 0..10 {
            history.push(at(second));
        }
        let kept: Vec<_> = history.rounds().iter().map(|round| round.at).collect();
        assert_eq!(kept, [7, 8, 9].map(|second| at(second).at));
        assert_eq!(history.latest().unwrap().at, at(9).at);
    }
}
