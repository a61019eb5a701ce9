//! Asks every source for its figures in each round. What one of them does, hang or panic, harms no other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use crate::call::{Call, Failure};
use crate::metric::Reading;
use crate::snapshot::{Health, History, Snapshot, SourceState};
use crate::sources::{Source, SourceError};

/// How long a source has to answer, less where rounds follow each other faster.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Bounds that the operator has set: the name of a figure, and the bound.
pub(crate) type Thresholds = Vec<(String, f64)>;

/// Rounds without end.
pub(crate) struct Rounds {
    sources: Vec<(Source, Health)>,
    thresholds: Thresholds,
    every: Duration,
}

impl Rounds {
    pub fn new(sources: Vec<Source>, thresholds: Thresholds, every: Duration) -> Self {
        Self {
            sources: sources
                .into_iter()
                .map(|source| (source, Health::Up))
                .collect(),
            thresholds,
            every,
        }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self, history: Arc<History>) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let snapshot = self.round().await;
            history.push(snapshot);
        }
    }

    async fn round(&mut self) -> Snapshot {
        let at = SystemTime::now();
        let deadline = Instant::now() + ANSWER_TIME_MAX.min(self.every);
        // All at once, and in tasks of their own.
        let sources = self.sources.iter_mut();
        let answers: Vec<_> = sources
            .map(|(source, _)| source.ask.as_mut().map(Call::begin))
            .collect();

        let mut readings = Vec::new();
        for ((source, health), answer) in self.sources.iter_mut().zip(answers) {
            let Some(answer) = answer else { continue };
            let answer = answer.by(deadline).await;
            let now = match answer.unwrap_or_else(|failure| Err(failure.into())) {
                Ok(told) => {
                    readings.extend(told);
                    Health::Up
                }
                Err(SourceError::Failed(reason)) => Health::Failed(reason),
                Err(SourceError::Ended(reason)) => {
                    source.ask = None;
                    Health::Ended(reason)
                }
            };
            if now != *health && now != Health::Up {
                warn!("{}: {now:?}", source.name);
            }
            *health = now;
        }
        self.bound(&mut readings);
        let sources = self.sources.iter().map(|(source, health)| SourceState {
            name: source.name,
            health: health.clone(),
        });
        Snapshot {
            at,
            readings,
            sources: sources.collect(),
        }
    }

    fn bound(&self, readings: &mut [Reading]) {
        for reading in readings {
            let set = self
                .thresholds
                .iter()
                .find(|(name, _)| name == reading.metric.name);
            if let Some((_, limit)) = set {
                reading.limit = Some(*limit);
            }
        }
    }
}

impl From<Failure> for SourceError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::metric::{Metric, State};
    use crate::sources::Told;

    static PEERS: Metric = Metric::gauge("a.peers", "Peers.");

    fn peers() -> Told {
        Ok(vec![Reading::new(&PEERS, 7.0)])
    }

    fn rounds(sources: Vec<Source>) -> Rounds {
        Rounds::new(sources, Vec::new(), Duration::from_secs(10))
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_hangs_or_panics_takes_no_other_with_it() {
        let hangs = Source::new("hangs", vec![], std::future::pending::<Told>);
        let panics = Source::new("panics", vec![], || async { panic!("on purpose") });
        let fine = Source::new("fine", vec![&PEERS], || async { peers() });
        let mut rounds = rounds(vec![hangs, panics, fine]);

        let snapshot = rounds.round().await;
        assert_eq!(snapshot.get("a.peers").unwrap().value, 7.0);
        let states: Vec<_> = snapshot.sources.iter().map(|s| s.health.clone()).collect();
        let failed = |reason: &str| Health::Failed(reason.into());
        assert_eq!(
            states,
            [
                failed("did not answer in time"),
                failed("panicked"),
                Health::Up
            ]
        );
        assert!(!snapshot.is_whole());
        assert_eq!(snapshot.ended(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_has_ended_is_let_go_of_and_stays_ended() {
        let asked = Arc::new(AtomicUsize::new(0));
        let held = asked.clone();
        let ends = Source::new("ends", vec![], move || {
            held.fetch_add(1, Ordering::Relaxed);
            async { Err(SourceError::Ended("shut down".into())) }
        });
        let mut rounds = rounds(vec![ends]);

        for _ in 0..3 {
            let snapshot = rounds.round().await;
            assert_eq!(snapshot.ended(), Some(("ends", "shut down")));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(Arc::strong_count(&asked), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bound_that_was_set_holds_in_place_of_the_own_one() {
        let fine = Source::new("fine", vec![&PEERS], || async { peers() });
        let mut rounds = rounds(vec![fine]);
        rounds.thresholds = vec![("a.peers".into(), 6.0)];

        let snapshot = rounds.round().await;
        assert_eq!(snapshot.get("a.peers").unwrap().limit, Some(6.0));
        assert_eq!(snapshot.worst(), State::Past);
    }
}
