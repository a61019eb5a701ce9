// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tells the engine what happens in a sync session, of either role, and once how it ended.
//!
//! A session has a channel of its own, and a relay that passes on to the engine what comes through
//! it. The relay knows whether this very session has locked the gossip buffer, and it is a task of
//! its own: it outlives a session that fails, panics, breaks the rules or is cancelled. So every
//! handshake is followed by exactly one `SyncDone` or `SyncFailed`. Where there was no handshake
//! there is none, as it would release the lock of another session with the same peer.
//!
//! Relays may wait for the engine's inbox, and sessions for their relay; nothing waits for these.

use p2panda_core::PublicKey;
use p2panda_sync::{SyncError, TopicQuery};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinHandle};

use crate::engine::ToEngineActor;

/// Messages between a session and its relay. There is a larger queue in front of it.
const QUEUE_LEN: usize = 16;

/// A sync session that is about to begin. Dropped before it has run, it has failed.
#[derive(Debug)]
pub(super) struct Session {
    completed_tx: oneshot::Sender<()>,
    relay: JoinHandle<()>,
}

impl Session {
    /// Prepares a session with this peer, on a topic if that is known already, and returns the sender
    /// to which the session tells everything.
    pub(super) fn new<T>(
        peer: PublicKey,
        topic: Option<T>,
        engine_actor_tx: mpsc::Sender<ToEngineActor<T>>,
    ) -> (Self, mpsc::Sender<ToEngineActor<T>>)
    where
        T: TopicQuery + 'static,
    {
        let (session_tx, session_rx) = mpsc::channel(QUEUE_LEN);
        let (completed_tx, completed_rx) = oneshot::channel();
        let relay = Relay {
            peer,
            topic,
            session_rx,
            completed_rx,
            engine_actor_tx,
        };
        let session = Self {
            completed_tx,
            relay: task::spawn(relay.run()),
        };
        (session, session_tx)
    }

    /// Runs the session, until the engine was told how it ended.
    ///
    /// Cancel safe, in that the engine is then told as well.
    pub(super) async fn run(
        self,
        session: impl Future<Output = Result<(), SyncError>>,
    ) -> Result<(), SyncError> {
        let Self {
            completed_tx,
            mut relay,
        } = self;
        tokio::select! {
            biased;
            result = session => {
                if result.is_ok() {
                    completed_tx.send(()).ok();
                } else {
                    drop(completed_tx);
                }
                relay.await.ok();
                result
            }
            _ = &mut relay => Err(SyncError::Critical(
                "the session broke off what it had to tell the engine".into(),
            )),
        }
    }
}

struct Relay<T> {
    peer: PublicKey,
    topic: Option<T>,
    session_rx: mpsc::Receiver<ToEngineActor<T>>,
    completed_rx: oneshot::Receiver<()>,
    engine_actor_tx: mpsc::Sender<ToEngineActor<T>>,
}

impl<T> Relay<T>
where
    T: TopicQuery + 'static,
{
    async fn run(mut self) {
        let (mut locked, mut said_done) = (None, false);
        while let Some(message) = self.session_rx.recv().await {
            match &message {
                ToEngineActor::SyncHandshakeSuccess { topic, .. } => locked = Some(topic.clone()),
                // A session that is cancelled or panics says that it is done, too.
                ToEngineActor::SyncDone { .. } => {
                    said_done = true;
                    continue;
                }
                ToEngineActor::SyncFailed { .. } => continue,
                _ => {}
            }
            if self.engine_actor_tx.send(message).await.is_err() {
                return;
            }
        }

        // A session that has told about its handshake and says nothing of its end is over, even if it
        // still runs.
        let is_over = locked.is_some() && !said_done;
        let completed = !is_over && self.completed_rx.await.is_ok();
        let peer = self.peer;
        let terminal = match (locked, completed) {
            (Some(topic), true) => ToEngineActor::SyncDone { topic, peer },
            (Some(topic), false) => ToEngineActor::SyncFailed {
                topic: Some(topic),
                peer,
            },
            (None, true) => return,
            (None, false) => ToEngineActor::SyncHandshakeFailed {
                topic: self.topic,
                peer,
            },
        };
        self.engine_actor_tx.send(terminal).await.ok();
    }
}
