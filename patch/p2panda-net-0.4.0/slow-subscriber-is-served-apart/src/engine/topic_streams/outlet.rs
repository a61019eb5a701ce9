// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hands messages to the application that reads a stream, which may take its time.
//!
//! The engine never waits for an application. While the stream's channel has room, a message moves
//! straight into it. Once it is full, what follows waits in a backlog, and a task of the stream moves
//! it on, in order, as the application reads. There is no such task without a backlog, and it ends
//! with the stream.
//!
//! Gossip is best effort: past its bounds, the oldest gossip messages in the backlog are dropped. What
//! a sync session brings is never dropped. Instead a session can hand a [`Permit`] along with each
//! message: it is given back once the application has taken the message, so a session that waits for
//! its permits brings no more than the application reads, and holds up nobody but itself.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::network::FromNetwork;

/// Bounds on the gossip that waits for one application to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacklogLimits {
    /// Gossip messages in the backlog of one stream.
    pub messages: usize,

    /// Bytes of these messages. The newest message is kept, whatever its size.
    pub bytes: usize,
}

impl Default for BacklogLimits {
    fn default() -> Self {
        Self {
            messages: 1024,
            bytes: 4 * 1024 * 1024,
        }
    }
}

/// Whatever shall be dropped when the application has taken a message, or its stream has ended.
pub type Permit = Arc<dyn Any + Send + Sync>;

/// The application has dropped its receiver.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

/// The engine's end of a stream.
#[derive(Debug)]
pub struct Outlet {
    channel: mpsc::Sender<FromNetwork>,
    backlog: Option<Backlog>,
}

/// What did not fit into the channel, and the task that moves it there.
#[derive(Debug)]
struct Backlog {
    waiting: Arc<Mutex<Waiting>>,
    _forwarder: AbortOnDropHandle<()>,
}

impl Outlet {
    pub fn new(channel: mpsc::Sender<FromNetwork>) -> Self {
        Self {
            channel,
            backlog: None,
        }
    }

    /// Hands on a message without waiting, and returns how many others were dropped for it.
    pub fn hand(
        &mut self,
        event: FromNetwork,
        permit: Option<Permit>,
        limits: &BacklogLimits,
    ) -> Result<u64, Closed> {
        if self.channel.is_closed() {
            return Err(Closed);
        }
        if let Some(backlog) = &self.backlog {
            let mut waiting = lock(&backlog.waiting);
            // Otherwise the forwarder has moved everything, and has ended.
            if !waiting.is_empty() {
                waiting.push(event, permit);
                return Ok(waiting.trim(limits));
            }
        }
        self.backlog = None;
        match self.channel.try_send(event) {
            Ok(()) => Ok(0),
            Err(TrySendError::Closed(_)) => Err(Closed),
            Err(TrySendError::Full(event)) => {
                self.backlog = Some(Backlog::new(self.channel.clone(), event, permit));
                Ok(0)
            }
        }
    }

    /// What waits for the application beyond the channel.
    pub fn waiting(&self) -> Option<MutexGuard<'_, Waiting>> {
        let waiting = lock(&self.backlog.as_ref()?.waiting);
        (!waiting.is_empty()).then_some(waiting)
    }
}

impl Backlog {
    fn new(channel: mpsc::Sender<FromNetwork>, event: FromNetwork, permit: Option<Permit>) -> Self {
        let mut waiting = Waiting::default();
        waiting.push(event, permit);
        let waiting = Arc::new(Mutex::new(waiting));
        let forwarder = tokio::task::spawn(forward(channel, waiting.clone()));
        Self {
            waiting,
            _forwarder: AbortOnDropHandle::new(forwarder),
        }
    }
}

/// Moves what waits into the channel until nothing does. Waits for the application alone.
///
/// A message is chosen only when there is room for it, so that nothing in the backlog is beyond its
/// bounds or out of order.
async fn forward(channel: mpsc::Sender<FromNetwork>, waiting: Arc<Mutex<Waiting>>) {
    loop {
        let room = channel.reserve().await;
        let mut waiting = lock(&waiting);
        match room {
            Ok(room) => {
                if let Some((event, _permit)) = waiting.pop() {
                    room.send(event);
                }
            }
            Err(_) => *waiting = Waiting::default(),
        }
        if waiting.is_empty() {
            return;
        }
    }
}

/// Nothing panics while it holds the lock, and the queues are whole between any two calls.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Messages in the order they came. They stand in two queues, so that the oldest gossip can leave
/// from between those of sync sessions.
#[derive(Debug, Default)]
pub struct Waiting {
    next_number: u64,
    gossip: VecDeque<(u64, FromNetwork)>,
    gossip_bytes: usize,
    synced: VecDeque<(u64, FromNetwork, Option<Permit>)>,
    synced_bytes: usize,
    has_dropped: bool,
}

impl Waiting {
    /// Number of gossip messages, and their bytes.
    pub fn gossip(&self) -> (usize, usize) {
        (self.gossip.len(), self.gossip_bytes)
    }

    /// Number of messages from sync sessions, and their bytes.
    pub fn synced(&self) -> (usize, usize) {
        (self.synced.len(), self.synced_bytes)
    }

    fn is_empty(&self) -> bool {
        self.gossip.is_empty() && self.synced.is_empty()
    }

    fn push(&mut self, event: FromNetwork, permit: Option<Permit>) {
        let (number, bytes) = (self.next_number, bytes(&event));
        self.next_number += 1;
        match event {
            FromNetwork::GossipMessage { .. } => {
                self.gossip.push_back((number, event));
                self.gossip_bytes += bytes;
            }
            FromNetwork::SyncMessage { .. } => {
                self.synced.push_back((number, event, permit));
                self.synced_bytes += bytes;
            }
        }
    }

    fn pop(&mut self) -> Option<(FromNetwork, Option<Permit>)> {
        let gossip = self.gossip.front().map(|(number, ..)| *number);
        let synced = self.synced.front().map(|(number, ..)| *number);
        match (gossip, synced) {
            (Some(gossip), Some(synced)) if gossip < synced => self.pop_gossip(),
            (Some(_), None) => self.pop_gossip(),
            _ => self.pop_synced(),
        }
    }

    fn pop_gossip(&mut self) -> Option<(FromNetwork, Option<Permit>)> {
        let (_, event) = self.gossip.pop_front()?;
        self.gossip_bytes -= bytes(&event);
        Some((event, None))
    }

    fn pop_synced(&mut self) -> Option<(FromNetwork, Option<Permit>)> {
        let (_, event, permit) = self.synced.pop_front()?;
        self.synced_bytes -= bytes(&event);
        Some((event, permit))
    }

    /// Drops the oldest gossip past the bounds, and returns how many messages that was.
    fn trim(&mut self, limits: &BacklogLimits) -> u64 {
        let mut dropped = 0;
        while self.gossip.len() > 1
            && (self.gossip.len() > limits.messages || self.gossip_bytes > limits.bytes)
        {
            self.pop_gossip();
            dropped += 1;
        }
        if dropped > 0 && !self.has_dropped {
            self.has_dropped = true;
            warn!("a subscriber does not keep up: it loses gossip messages, the oldest first");
        }
        dropped
    }
}

fn bytes(event: &FromNetwork) -> usize {
    match event {
        FromNetwork::GossipMessage { bytes, .. } => bytes.len(),
        FromNetwork::SyncMessage {
            header, payload, ..
        } => header.len() + payload.as_ref().map_or(0, Vec::len),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use p2panda_core::PrivateKey;
    use tokio::runtime::Handle;
    use tokio::sync::{Semaphore, mpsc};
    use tokio::time::timeout;

    use crate::network::FromNetwork;

    use super::{BacklogLimits, Closed, Outlet, Permit};

    #[tokio::test]
    async fn a_permit_is_given_back_when_the_application_has_taken_its_message() {
        let (mut outlet, mut from_rx) = outlet();
        let permits = Arc::new(Semaphore::new(3));
        for _ in 0..3 {
            let permit: Permit = Arc::new(permits.clone().try_acquire_owned().unwrap());
            hand(&mut outlet, sync_message(), Some(permit)).unwrap();
        }
        // The first is in the channel.
        assert_eq!(permits.available_permits(), 1);
        assert_eq!(outlet.waiting().unwrap().synced(), (2, 2));

        from_rx.recv().await.unwrap();
        let next = permits.acquire_many(2);
        assert!(timeout(Duration::from_secs(20), next).await.is_ok());
        assert_eq!(permits.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_backlog_and_its_task_last_until_the_application_has_read_everything() {
        let (mut outlet, mut from_rx) = outlet();
        let before = Handle::current().metrics().num_alive_tasks();
        for _ in 0..10 {
            hand(&mut outlet, gossip_message(), None).unwrap();
        }
        assert_eq!(Handle::current().metrics().num_alive_tasks(), before + 1);
        assert_eq!(outlet.waiting().unwrap().gossip(), (9, 9));

        for _ in 0..10 {
            let next = timeout(Duration::from_secs(20), from_rx.recv()).await;
            assert_eq!(next, Ok(Some(gossip_message())));
        }
        assert!(outlet.waiting().is_none());
        tasks_fall_to(before).await;
    }

    #[tokio::test]
    async fn dropping_the_receiver_gives_back_permits_and_ends_the_task() {
        let (mut outlet, from_rx) = outlet();
        let before = Handle::current().metrics().num_alive_tasks();
        let permits = Arc::new(Semaphore::new(2));
        for _ in 0..2 {
            let permit: Permit = Arc::new(permits.clone().try_acquire_owned().unwrap());
            hand(&mut outlet, sync_message(), Some(permit)).unwrap();
        }

        drop(from_rx);
        assert!(
            timeout(Duration::from_secs(20), permits.acquire_many(2))
                .await
                .is_ok()
        );
        tasks_fall_to(before).await;
        assert_eq!(hand(&mut outlet, gossip_message(), None), Err(Closed));
    }

    #[tokio::test]
    async fn dropping_the_outlet_ends_the_stream_and_its_task() {
        let (mut outlet, mut from_rx) = outlet();
        let before = Handle::current().metrics().num_alive_tasks();
        for _ in 0..10 {
            hand(&mut outlet, gossip_message(), None).unwrap();
        }

        drop(outlet);
        tasks_fall_to(before).await;
        assert_eq!(from_rx.recv().await, Some(gossip_message()));
        assert_eq!(from_rx.recv().await, None);
    }

    #[tokio::test]
    async fn the_newest_message_is_kept_whatever_its_size() {
        let (mut outlet, _from_rx) = outlet();
        let limits = BacklogLimits {
            messages: 8,
            bytes: 1,
        };
        let large = FromNetwork::GossipMessage {
            bytes: vec![0; 1000],
            delivered_from: PrivateKey::from_bytes(&[1; 32]).public_key(),
        };
        let dropped: Vec<_> = (0..4)
            .map(|_| outlet.hand(large.clone(), None, &limits))
            .collect();
        assert_eq!(dropped, [Ok(0), Ok(0), Ok(1), Ok(1)]);
        assert_eq!(outlet.waiting().unwrap().gossip(), (1, 1000));
    }

    /// An outlet into a channel for one message.
    fn outlet() -> (Outlet, mpsc::Receiver<FromNetwork>) {
        let (from_tx, from_rx) = mpsc::channel(1);
        (Outlet::new(from_tx), from_rx)
    }

    fn hand(
        outlet: &mut Outlet,
        event: FromNetwork,
        permit: Option<Permit>,
    ) -> Result<u64, Closed> {
        outlet.hand(event, permit, &BacklogLimits::default())
    }

    fn gossip_message() -> FromNetwork {
        FromNetwork::GossipMessage {
            bytes: vec![1],
            delivered_from: PrivateKey::from_bytes(&[1; 32]).public_key(),
        }
    }

    fn sync_message() -> FromNetwork {
        FromNetwork::SyncMessage {
            header: vec![1],
            payload: None,
            delivered_from: PrivateKey::from_bytes(&[1; 32]).public_key(),
        }
    }

    async fn tasks_fall_to(tasks: usize) {
        let fall = async {
            while Handle::current().metrics().num_alive_tasks() > tasks {
                tokio::task::yield_now().await;
            }
        };
        let fallen = timeout(Duration::from_secs(20), fall).await;
        assert!(fallen.is_ok(), "a task is left over");
    }
}
