//! Which timers run, on a clock of the test's own.

use n0_future::time::{Duration, Instant};
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{InEvent, OutEvent, Timer, TopicId};
use crate::proto::{util::TimerMap, Command, Scope, State};

const TOPIC: TopicId = TopicId::from_bytes([1; 32]);

#[test]
fn a_topic_that_is_joined_and_left_a_thousand_times_a_second_runs_one_chain_of_timers() {
    let mut node = Node::new();
    for _ in 0..1000 {
        node.use_topic();
        node.command(Command::Quit);
        node.run_for(Duration::from_millis(1));
    }
    node.use_topic();
    // All that was scheduled by then has fired once.
    node.run_for(Duration::from_secs(61));
    assert_eq!(node.timers_pending, 2);
    // The caches each second, and one shuffle.
    let fired = node.run_for(Duration::from_secs(60));
    assert_eq!(fired, 61);
}

#[test]
fn no_timer_starts_another_after_its_topic_was_left() {
    let mut node = Node::new();
    node.use_topic();
    node.command(Command::Quit);
    node.run_for(Duration::from_secs(61));
    assert_eq!(node.timers_pending, 0);
}

/// A node without peers, and the timers that it asked for.
struct Node {
    state: State<u64, ChaCha12Rng>,
    timers: TimerMap<Timer<u64>>,
    timers_pending: usize,
    now: Instant,
}

impl Node {
    fn new() -> Self {
        let rng = ChaCha12Rng::seed_from_u64(0);
        Self {
            state: State::new(99, Default::default(), Default::default(), rng),
            timers: TimerMap::new(),
            timers_pending: 0,
            now: Instant::now(),
        }
    }

    /// Joins and says something, so that both layers have started their timers.
    fn use_topic(&mut self) {
        self.command(Command::Join(vec![1]));
        self.command(Command::Broadcast("something".into(), Scope::Swarm));
    }

    fn command(&mut self, command: Command<u64>) {
        self.handle(InEvent::Command(TOPIC, command));
    }

    /// Lets time pass. How many timers fired meanwhile.
    fn run_for(&mut self, duration: Duration) -> usize {
        let end = self.now + duration;
        let mut fired = 0;
        while let Some(next) = self.timers.first().copied() {
            if next > end {
                break;
            }
            self.now = next;
            while let Some((_, timer)) = self.timers.pop_before(next) {
                fired += 1;
                self.timers_pending -= 1;
                self.handle(InEvent::TimerExpired(timer));
            }
        }
        self.now = end;
        fired
    }

    fn handle(&mut self, event: InEvent<u64>) {
        for event in self.state.handle(event, self.now, None) {
            if let OutEvent::ScheduleTimer(delay, timer) = event {
                self.timers.insert(self.now + delay, timer);
                self.timers_pending += 1;
            }
        }
    }
}
