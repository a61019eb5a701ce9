//! A table of callers that wait for a reply, in which nobody waits for ever and nobody is forgotten.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use std::time::Duration;
//! use vitals::Pending;
//!
//! let pending = Pending::new(1024, Duration::from_secs(30));
//! let reply = pending.wait_for(7);
//! pending.answer(&7, "hello").unwrap();
//! assert_eq!(reply.await.unwrap(), "hello");
//! # }
//! ```

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};

use crate::metric::{Metric, Reading};
use crate::sources::Source;

/// Callers that wait for a reply, each under a key. A clone is the same table.
///
/// An entry goes when it is answered, when its caller drops the [`Reply`], when it is older than the time limit, or
/// when it is the oldest in a full table.
#[derive(Debug)]
pub struct Pending<K, V> {
    shared: Arc<Shared<K, V>>,
}

#[derive(Debug)]
struct Shared<K, V> {
    table: Mutex<Table<K, V>>,
    entries_max: usize,
    time_max: Duration,
}

#[derive(Debug)]
struct Table<K, V> {
    waiting: HashMap<K, Waiting<V>>,
    /// The keys in the order in which their callers came.
    by_age: BTreeMap<u64, K>,
    next: u64,
    counts: Counts,
}

#[derive(Debug)]
struct Waiting<V> {
    number: u64,
    since: Instant,
    caller: oneshot::Sender<Result<V, Gone>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    abandoned: u64,
    expired: u64,
    evicted: u64,
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// None came in time.
    #[error("no reply came in time")]
    Expired,
    /// The table was full, and this was the oldest in it.
    #[error("no reply came before the table was full of younger callers")]
    Evicted,
    /// Another caller waits under the same key.
    #[error("another caller waits for the same reply")]
    Replaced,
    /// The table is gone.
    #[error("nobody is there any more who could reply")]
    Closed,
}

/// The reply to come. Dropping it takes its entry out of the table.
#[derive(Debug)]
pub struct Reply<K: Hash + Eq, V> {
    shared: std::sync::Weak<Shared<K, V>>,
    key: K,
    number: u64,
    answer: oneshot::Receiver<Result<V, Gone>>,
    deadline: Pin<Box<Sleep>>,
}

impl<K: Hash + Eq + Clone, V> Pending<K, V> {
    /// A table of at most `entries_max` callers, at least one, that wait for at most `time_max` each.
    pub fn new(entries_max: usize, time_max: Duration) -> Self {
        let table = Table {
            waiting: HashMap::new(),
            by_age: BTreeMap::new(),
            next: 0,
            counts: Counts::default(),
        };
        Self {
            shared: Arc::new(Shared {
                table: Mutex::new(table),
                entries_max: entries_max.max(1),
                time_max,
            }),
        }
    }

    /// Waits under a key. Whoever waits under it already hears that it was replaced.
    ///
    /// Awaiting the reply is cancel safe: it can go on in another place until it is dropped.
    pub fn wait_for(&self, key: K) -> Reply<K, V> {
        let now = Instant::now();
        let (caller, answer) = oneshot::channel();
        let mut table = self.shared.lock();
        table.tell(&key, Gone::Replaced);
        table.expire(now, self.shared.time_max);
        while table.waiting.len() >= self.shared.entries_max {
            table.tell_oldest(Gone::Evicted);
        }
        let number = table.next;
        table.next += 1;
        table.by_age.insert(number, key.clone());
        let waiting = Waiting {
            number,
            since: now,
            caller,
        };
        table.waiting.insert(key.clone(), waiting);
        drop(table);
        Reply {
            shared: Arc::downgrade(&self.shared),
            key,
            number,
            answer,
            deadline: Box::pin(sleep(self.shared.time_max)),
        }
    }

    /// Answers who waits under a key.
    ///
    /// # Errors
    /// Gives the answer back where nobody does (any more).
    pub fn answer(&self, key: &K, answer: V) -> Result<(), V> {
        // Woken after the lock.
        let waiting = self.shared.lock().take(key);
        match waiting {
            Some(waiting) => waiting.caller.send(Ok(answer)).map_err(|unheard| {
                // What was to be sent is an answer.
                unheard.unwrap_or_else(|_| unreachable!())
            }),
            None => Err(answer),
        }
    }

    /// How many wait now.
    pub fn len(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Clone for Pending<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<K, V> Shared<K, V> {
    fn lock(&self) -> MutexGuard<'_, Table<K, V>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Table<K, V> {
    fn take(&mut self, key: &K) -> Option<Waiting<V>> {
        let waiting = self.waiting.remove(key)?;
        self.by_age.remove(&waiting.number);
        Some(waiting)
    }

    fn tell(&mut self, key: &K, gone: Gone) {
        if let Some(waiting) = self.take(key) {
            // Who does not listen any more is about to take its entry out itself.
            let _ = waiting.caller.send(Err(gone));
        }
    }

    fn tell_oldest(&mut self, gone: Gone) {
        if let Some((_, key)) = self.by_age.pop_first() {
            self.tell(&key, gone);
            match gone {
                Gone::Expired => self.counts.expired += 1,
                _ => self.counts.evicted += 1,
            }
        }
    }

    /// Costs no more than what it takes out.
    fn expire(&mut self, now: Instant, time_max: Duration) {
        while let Some((_, key)) = self.by_age.first_key_value() {
            match self.waiting.get(key) {
                Some(waiting) if now.duration_since(waiting.since) < time_max => break,
                _ => self.tell_oldest(Gone::Expired),
            }
        }
    }
}

impl<K: Hash + Eq + Unpin, V> Future for Reply<K, V> {
    type Output = Result<V, Gone>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
            return Poll::Ready(answer.unwrap_or(Err(Gone::Closed)));
        }
        if self.deadline.as_mut().poll(cx).is_ready() {
            self.leave(|counts| counts.expired += 1);
            return Poll::Ready(Err(Gone::Expired));
        }
        Poll::Pending
    }
}

impl<K: Hash + Eq, V> Reply<K, V> {
    /// Takes the own entry out, if it is still there.
    fn leave(&self, count: impl Fn(&mut Counts)) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let mut table = shared.lock();
        let own = table.waiting.get(&self.key);
        if own.is_some_and(|waiting| waiting.number == self.number) {
            table.take(&self.key);
            count(&mut table.counts);
        }
    }
}

impl<K: Hash + Eq, V> Drop for Reply<K, V> {
    fn drop(&mut self) {
        self.leave(|counts| counts.abandoned += 1);
    }
}

static WAITING: Metric = Metric::gauge("pending.waiting", "Callers that wait for a reply.");
static ABANDONED: Metric = Metric::counter(
    "pending.abandoned",
    "Callers that went away before their reply came.",
);
static EXPIRED: Metric = Metric::counter(
    "pending.expired",
    "Callers whose reply did not come in time.",
);
static EVICTED: Metric = Metric::counter(
    "pending.evicted",
    "Callers that made room for younger ones.",
);

/// Tells of a table, under the name of what its callers wait for.
pub(crate) fn source<K, V>(name: &'static str, pending: Pending<K, V>) -> Source
where
    K: Send + 'static,
    V: Send + 'static,
{
    let metrics = vec![&WAITING, &ABANDONED, &EXPIRED, &EVICTED];
    Source::new(name, metrics, move || {
        let table = pending.shared.lock();
        let (waiting, counts) = (table.waiting.len(), table.counts);
        drop(table);
        let told = vec![
            Reading::new(&WAITING, waiting as f64).limit(pending.shared.entries_max as f64),
            Reading::new(&ABANDONED, counts.abandoned as f64),
            Reading::new(&EXPIRED, counts.expired as f64),
            Reading::new(&EVICTED, counts.evicted as f64),
        ];
        let told = told
            .into_iter()
            .map(|reading| reading.label("table", name))
            .collect();
        async move { Ok(told) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_MAX: Duration = Duration::from_secs(30);

    fn counts<K, V>(pending: &Pending<K, V>) -> (u64, u64, u64) {
        let counts = pending.shared.lock().counts;
        (counts.abandoned, counts.expired, counts.evicted)
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_are_killed_leave_nothing() {
        let pending = Pending::<u32, ()>::new(1000, TIME_MAX);
        let callers: Vec<_> = (0..100)
            .map(|key| {
                let pending = pending.clone();
                tokio::spawn(async move { pending.wait_for(key).await })
            })
            .collect();
        while pending.len() < 100 {
            tokio::task::yield_now().await;
        }
        for caller in &callers {
            caller.abort();
        }
        for caller in callers {
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        assert!(pending.is_empty());
        assert_eq!(counts(&pending), (100, 0, 0));
        assert!(pending.shared.lock().by_age.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn callers_that_are_killed_while_others_answer_them_leave_nothing() {
        let pending = Pending::<u32, u32>::new(64, TIME_MAX);
        let tasks = (0..400_u32).map(|at| {
            let pending = pending.clone();
            // Keys that meet, in a table that is too small: replaced, evicted, answered and killed at once.
            tokio::spawn(async move {
                let caller = pending.clone();
                let caller = tokio::spawn(async move { caller.wait_for(at % 100).await });
                for _ in 0..at % 7 {
                    tokio::task::yield_now().await;
                }
                if at % 2 == 0 {
                    let _nobody = pending.answer(&(at % 100), at);
                }
                caller.abort();
                let _ended = caller.await;
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!(pending.is_empty());
        assert!(pending.shared.lock().by_age.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_is_taken() {
        let pending = Pending::<u32, u32>::new(8, Duration::MAX);
        let reply = pending.wait_for(1);
        pending.answer(&1, 5).unwrap();
        assert_eq!(reply.await, Ok(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_does_not_come_ends_the_wait() {
        let pending = Pending::<u32, ()>::new(8, TIME_MAX);
        assert_eq!(pending.wait_for(1).await, Err(Gone::Expired));
        assert!(pending.is_empty());
        assert_eq!(counts(&pending), (0, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_never_looks_expires_with_the_next_that_comes() {
        let pending = Pending::<u32, ()>::new(8, TIME_MAX);
        let forgotten = pending.wait_for(1);
        tokio::time::advance(TIME_MAX).await;
        let _next = pending.wait_for(2);
        assert_eq!(pending.len(), 1);
        assert_eq!(forgotten.await, Err(Gone::Expired));
        assert_eq!(counts(&pending), (0, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_full_table_the_oldest_makes_room() {
        let pending = Pending::<u32, u32>::new(3, TIME_MAX);
        let mut replies: Vec<_> = (0..5).map(|key| pending.wait_for(key)).collect();
        assert_eq!(pending.len(), 3);
        for reply in replies.drain(..2) {
            assert_eq!(reply.await, Err(Gone::Evicted));
        }
        for key in 2..5 {
            pending.answer(&key, key * 10).unwrap();
        }
        for (reply, key) in replies.into_iter().zip(2..) {
            assert_eq!(reply.await, Ok(key * 10));
        }
        assert_eq!(counts(&pending), (0, 0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_caller_under_a_key_takes_the_place_of_the_first() {
        let pending = Pending::<u32, u32>::new(8, TIME_MAX);
        let first = pending.wait_for(1);
        let second = pending.wait_for(1);
        assert_eq!(first.await, Err(Gone::Replaced));
        // The first is dropped by now, and the entry is the second's.
        assert_eq!(pending.len(), 1);
        pending.answer(&1, 5).unwrap();
        assert_eq!(second.await, Ok(5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_waits_for_comes_back() {
        let pending = Pending::<u32, u32>::new(8, TIME_MAX);
        assert_eq!(pending.answer(&1, 5), Err(5));
        drop(pending.wait_for(1));
        assert_eq!(pending.answer(&1, 6), Err(6));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_on_a_table_that_is_gone_hears_so() {
        let pending = Pending::<u32, u32>::new(8, TIME_MAX);
        let reply = pending.wait_for(1);
        drop(pending);
        assert_eq!(reply.await, Err(Gone::Closed));
    }
}
