// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeps what sync sessions bring to what the application takes.
//!
//! Each message goes to the engine with a permit, which is given back once the application's channel
//! has taken the message, or nobody will. All sessions of a topic share the same permits, as they bring
//! to the same readers: what one session leaves waiting counts against the next.
//!
//! A session that gets no permit waits, and only it: then its channel fills, and after that the window
//! of its stream, so that its peer sends no more. Sessions of other topics have permits of their own.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use p2panda_sync::TopicQuery;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::bounds::SyncBounds;

/// Bytes for which a message takes a further permit, of which the default of 128 thus stands for 4 MiB.
const BYTES_A_PERMIT: usize = 32 * 1024;

/// The permits of all topics.
#[derive(Clone, Debug)]
pub struct SyncPermits<T> {
    bounds: Arc<SyncBounds>,
    topics: Arc<Mutex<HashMap<T, Weak<Semaphore>>>>,
}

impl<T> SyncPermits<T>
where
    T: TopicQuery,
{
    pub fn new(bounds: Arc<SyncBounds>) -> Self {
        Self {
            bounds,
            topics: Arc::default(),
        }
    }

    /// The permits that all sessions of this topic share.
    pub fn of(&self, topic: &T) -> TopicPermits {
        // Nothing panics under the lock.
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let known = topics.get(topic).and_then(Weak::upgrade);
        let semaphore = known.unwrap_or_else(|| {
            topics.retain(|_, semaphore| semaphore.strong_count() > 0);
            let semaphore = Arc::new(Semaphore::new(self.bounds.permits()));
            topics.insert(topic.clone(), Arc::downgrade(&semaphore));
            semaphore
        });
        TopicPermits {
            bounds: self.bounds.clone(),
            semaphore,
        }
    }
}

/// The permits of one topic.
#[derive(Debug)]
pub struct TopicPermits {
    bounds: Arc<SyncBounds>,
    semaphore: Arc<Semaphore>,
}

impl TopicPermits {
    /// Waits for the permit of a message of so many bytes; those who wait are served in turn. A message
    /// that is too large for all permits together takes all of them.
    pub async fn take(&self, bytes: usize) -> SyncPermit {
        let permits = (1 + bytes / BYTES_A_PERMIT).min(self.bounds.permits()) as u32;
        let permit = match self.semaphore.clone().try_acquire_many_owned(permits) {
            Ok(permit) => permit,
            Err(_) => {
                let _stalled = Stalled::new(&self.bounds);
                let permit = self.semaphore.clone().acquire_many_owned(permits).await;
                permit.expect("the semaphore is never closed")
            }
        };
        SyncPermit { _permit: permit }
    }
}

/// The right of one message to wait for the application. Given back when it is dropped.
#[derive(Debug)]
pub struct SyncPermit {
    _permit: OwnedSemaphorePermit,
}

/// Counts a session while it waits.
struct Stalled<'a>(&'a SyncBounds);

impl<'a> Stalled<'a> {
    fn new(bounds: &'a SyncBounds) -> Self {
        bounds.stalled.fetch_add(1, Relaxed);
        Self(bounds)
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.stalled.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::FutureExt;
    use p2panda_core::{PrivateKey, PublicKey};
    use p2panda_sync::SyncError;
    use p2panda_sync::test_protocols::SyncTestTopic;
    use tokio::sync::mpsc;
    use tokio::task::{self, JoinHandle};
    use tokio::time::timeout;

    use crate::engine::ToEngineActor;
    use crate::sync::bounds::{SyncBounds, SyncLimits};
    use crate::sync::session::Session;

    use super::{BYTES_A_PERMIT, SyncPermit, SyncPermits};

    /// By default.
    const PERMITS: usize = 128;

    #[test]
    fn a_message_takes_permits_by_its_size_and_no_more_than_there_are() {
        let permits = permits(PERMITS).of(&topic("chat"));
        for (bytes, expected) in [
            (0, 1),
            (BYTES_A_PERMIT - 1, 1),
            (BYTES_A_PERMIT, 2),
            (1024 * 1024, 33),
            (usize::MAX, PERMITS),
        ] {
            let permit = permits.take(bytes).now_or_never();
            let left = permits.semaphore.available_permits();
            assert_eq!(PERMITS - left, expected, "of {bytes} bytes");
            drop(permit);
        }
    }

    #[test]
    fn any_number_of_permits_can_be_set() {
        for limit in [1, 1000, usize::MAX] {
            let permits = permits(limit).of(&topic("chat"));
            let _all = permits.take(usize::MAX).now_or_never().unwrap();
            assert!(permits.take(0).now_or_never().is_none());
        }
    }

    #[test]
    fn a_topic_shares_permits_with_no_other_and_leaves_nothing_behind() {
        let permits = permits(1);
        let (chat, files) = (permits.of(&topic("chat")), permits.of(&topic("files")));
        let waits = chat.take(0).now_or_never().unwrap();
        assert!(files.take(0).now_or_never().is_some());

        // What a session has brought outlasts it.
        drop((chat, files));
        let chat = permits.of(&topic("chat"));
        assert!(chat.take(0).now_or_never().is_none());
        drop(waits);
        assert!(chat.take(0).now_or_never().is_some());

        drop(chat);
        let _mail = permits.of(&topic("mail"));
        assert_eq!(permits.topics.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_brings_no_more_than_the_application_takes_and_loses_nothing() {
        let mut setup = Setup::new();
        let session = setup.session(3 * PERMITS);
        for round in 0..3 {
            let (messages, end) = setup.brought().await;
            let numbers: Vec<_> = messages.iter().map(|(number, _)| *number).collect();
            let expected: Vec<_> = (round * PERMITS..(round + 1) * PERMITS).collect();
            assert_eq!(numbers, expected);
            let is_last = round == 2;
            assert_eq!(matches!(end, Some(ToEngineActor::SyncDone { .. })), is_last);
            let stalled = usize::from(!is_last);
            assert_eq!(setup.bounds.stats().stalled_sessions, stalled);
        }
        session.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_that_come_and_go_bring_no_more_than_one() {
        let mut setup = Setup::new();
        let mut waiting = Vec::new();
        for _ in 0..10 {
            let session = setup.session(100);
            waiting.extend(setup.brought().await.0);
            session.abort();
        }
        assert_eq!(waiting.len(), PERMITS);
    }

    /// Its deadline drops a session wherever it is.
    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_dropped_while_it_waits_has_failed() {
        // In the second, the protocol has come to its end, and only the relay waits.
        for messages in [1000, PERMITS + 5] {
            let mut setup = Setup::new();
            let session = setup.session(messages);
            let (waiting, end) = setup.brought().await;
            assert_eq!((waiting.len(), end.is_some()), (PERMITS, false));

            session.abort();
            let (dropped, end) = setup.brought().await;
            assert!(dropped.is_empty());
            assert!(matches!(end, Some(ToEngineActor::SyncFailed { .. })));
            assert_eq!(setup.bounds.stats().stalled_sessions, 0);
        }
    }

    struct Setup {
        bounds: Arc<SyncBounds>,
        permits: SyncPermits<SyncTestTopic>,
        engine_tx: mpsc::Sender<ToEngine>,
        engine_rx: mpsc::Receiver<ToEngine>,
        peer: PublicKey,
    }

    impl Setup {
        fn new() -> Self {
            let permits = permits(PERMITS);
            let (engine_tx, engine_rx) = mpsc::channel(64);
            Self {
                bounds: permits.bounds.clone(),
                permits,
                engine_tx,
                engine_rx,
                peer: PrivateKey::new().public_key(),
            }
        }

        /// Runs a session that brings so many messages.
        fn session(&self, messages: usize) -> JoinHandle<Result<(), SyncError>> {
            let (engine_tx, permits) = (self.engine_tx.clone(), self.permits.clone());
            let (session, session_tx) = Session::new(self.peer, None, engine_tx, Some(permits));
            let (topic, peer) = (topic("chat"), self.peer);
            task::spawn(session.run(async move {
                let locks = ToEngineActor::SyncHandshakeSuccess {
                    topic: topic.clone(),
                    peer,
                };
                session_tx.send(locks).await.unwrap();
                for number in 0..messages {
                    let message = ToEngineActor::SyncMessage {
                        topic: topic.clone(),
                        header: number.to_be_bytes().into(),
                        payload: None,
                        delivered_from: peer,
                    };
                    session_tx.send(message).await.unwrap();
                }
                let done = ToEngineActor::SyncDone { topic, peer };
                session_tx.send(done).await.unwrap();
                Ok(())
            }))
        }

        /// What sessions bring, with its permits, until they wait or one has told how it ended.
        async fn brought(&mut self) -> (Vec<(usize, SyncPermit)>, Option<ToEngine>) {
            let mut brought = Vec::new();
            let waits = Duration::from_secs(1);
            while let Ok(Some(message)) = timeout(waits, self.engine_rx.recv()).await {
                match message {
                    ToEngineActor::SyncHandshakeSuccess { .. } => {}
                    ToEngineActor::SyncData { header, permit, .. } => {
                        let number = usize::from_be_bytes(header.try_into().unwrap());
                        brought.push((number, permit));
                    }
                    end => return (brought, Some(end)),
                }
            }
            (brought, None)
        }
    }

    type ToEngine = ToEngineActor<SyncTestTopic>;

    fn permits(backlog: usize) -> SyncPermits<SyncTestTopic> {
        let limits = SyncLimits {
            backlog,
            ..SyncLimits::default()
        };
        SyncPermits::new(Arc::new(SyncBounds::new(limits)))
    }

    fn topic(name: &str) -> SyncTestTopic {
        SyncTestTopic::new(name)
    }
}
