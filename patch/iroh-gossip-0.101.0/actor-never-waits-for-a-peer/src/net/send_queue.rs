//! The queues of what is to be sent, one a connection: the actor fills them, and never waits.
//!
//! The task of a connection may wait for the actor, which takes what the task received. So the actor
//! may not wait for a connection: two nodes could wait for each other, and one peer that reads
//! nothing would hold up all others. A message that finds its queue full is dropped. What the
//! application publishes can wait instead, and does so while a queue is long.

use std::sync::Arc;

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    Notify, Semaphore,
};
use tracing::debug;

use super::ProtoMessage;

/// The actor's side of the queues of all connections.
#[derive(Debug, Default)]
pub(super) struct SendQueues {
    /// The queues that were half full, and are not yet down to a quarter.
    ///
    /// Weak, as a connection finishes its sending half once its sender is dropped.
    long: Vec<mpsc::WeakSender<ProtoMessage>>,
    /// A queue is down to a quarter, or gone.
    shortened: Arc<Notify>,
}

impl SendQueues {
    /// Opens the queue of a connection.
    pub fn open(&self, capacity: usize) -> (mpsc::Sender<ProtoMessage>, SendQueue) {
        let (tx, rx) = mpsc::channel(capacity.clamp(1, Semaphore::MAX_PERMITS));
        let shortened = self.shortened.clone();
        (tx, SendQueue { rx, shortened })
    }

    /// Puts a message into a queue, and drops it where the queue is full.
    ///
    /// Gives the message back if nothing is sent on that connection any more.
    pub fn send(
        &mut self,
        queue: &mpsc::Sender<ProtoMessage>,
        message: ProtoMessage,
    ) -> Result<(), ProtoMessage> {
        match queue.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => debug!("send queue is full, message dropped"),
            Err(TrySendError::Closed(message)) => return Err(message),
        }
        if queued(queue) == queue.max_capacity().div_ceil(2) && !self.is_long(queue) {
            self.long.push(queue.downgrade());
        }
        Ok(())
    }

    /// Whether a queue is long, so that the application should wait.
    pub fn any_long(&self) -> bool {
        !self.long.is_empty()
    }

    /// Waits until a queue that was long is so no more. Cancel safe.
    pub async fn shortened(&mut self) {
        self.shortened.notified().await;
        self.long.retain(|queue| {
            let queue = queue.upgrade().filter(|queue| !queue.is_closed());
            queue.is_some_and(|queue| queued(&queue) > short(queue.max_capacity()))
        });
    }

    fn is_long(&self, queue: &mpsc::Sender<ProtoMessage>) -> bool {
        let mut long = self.long.iter().filter_map(mpsc::WeakSender::upgrade);
        long.any(|other| other.same_channel(queue))
    }
}

/// The side of the connection's task.
#[derive(Debug)]
pub(super) struct SendQueue {
    rx: mpsc::Receiver<ProtoMessage>,
    shortened: Arc<Notify>,
}

impl SendQueue {
    /// Waits for the next message; there is none after the sender was dropped. Cancel safe.
    pub async fn recv(&mut self) -> Option<ProtoMessage> {
        let message = self.rx.recv().await;
        // On its way down the length passes this value, as it falls by one at a time.
        if self.rx.len() == short(self.rx.max_capacity()) {
            self.shortened.notify_one();
        }
        message
    }

    pub fn is_empty(&self) -> bool {
        self.rx.is_empty()
    }
}

impl Drop for SendQueue {
    fn drop(&mut self) {
        self.rx.close();
        self.shortened.notify_one();
    }
}

fn queued(queue: &mpsc::Sender<ProtoMessage>) -> usize {
    queue.max_capacity() - queue.capacity()
}

fn short(capacity: usize) -> usize {
    capacity / 4
}
