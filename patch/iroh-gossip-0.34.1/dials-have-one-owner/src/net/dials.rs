//! The one owner of all dials, and of the messages that wait for them.
//!
//! A peer has an entry while it is dialed, and for a pause after a dial that failed. What is to be
//! sent to it meanwhile is kept; what waited for a dial that failed is dropped. If nothing came in
//! during the pause the entry goes with it, otherwise the peer is dialed again.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
};

use anyhow::anyhow;
use futures_util::FutureExt as _;
use iroh::{endpoint::Connection, Endpoint, NodeId};
use n0_future::{
    task::JoinSet,
    time::{sleep, timeout, Duration},
};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::{ConnectionLimits, Error, ProtoMessage, GOSSIP_ALPN};

/// The pause after the first dial that failed; it doubles with each that fails after it.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(64);

#[derive(Debug)]
pub(super) struct Dials {
    endpoint: Endpoint,
    limits: ConnectionLimits,
    peers: HashMap<NodeId, Dial>,
    /// The dial or the pause of each peer, and those that were canceled and have yet to end.
    tasks: JoinSet<(NodeId, CancellationToken, Option<Outcome>)>,
    turns: Arc<Semaphore>,
}

#[derive(Debug)]
struct Dial {
    stage: Stage,
    failures: u32,
    /// What is to be sent, with its size in bytes.
    queue: VecDeque<(ProtoMessage, usize)>,
    queued_bytes: usize,
}

/// What is done for a peer. Its task is canceled when the guard is dropped.
#[derive(Debug)]
enum Stage {
    Dialing { _task: DropGuard },
    Connected,
    Pausing { _task: DropGuard },
}

#[derive(Debug)]
enum Outcome {
    Dialed(Result<Connection, Error>),
    Paused,
}

impl Dials {
    pub fn new(endpoint: Endpoint, limits: ConnectionLimits) -> Self {
        let dials_in_flight = limits.dials_in_flight.min(Semaphore::MAX_PERMITS);
        let turns = Arc::new(Semaphore::new(dials_in_flight));
        Self {
            endpoint,
            limits,
            peers: Default::default(),
            tasks: Default::default(),
            turns,
        }
    }

    /// Sends a message once the peer is connected, and sees to it that the peer is dialed.
    ///
    /// Where too much waits for the peer, the oldest messages are dropped; where too many peers are
    /// dialed, this one is.
    pub fn send(&mut self, peer: NodeId, message: ProtoMessage) {
        if !self.peers.contains_key(&peer) {
            if self.peers.len() >= self.limits.dials && !self.forget_a_pause() {
                debug!(peer = %peer.fmt_short(), "too many dials, message dropped");
                return;
            }
            debug!(peer = %peer.fmt_short(), "start to dial");
            let stage = self.dial(peer);
            self.peers.insert(peer, Dial::new(stage));
        }
        if let Some(dial) = self.peers.get_mut(&peer) {
            dial.push(message, &self.limits);
        }
    }

    /// Takes what waits for a peer that is connected now, whoever dialed.
    ///
    /// A dial that is under way goes on: the peer may have accepted it already.
    pub fn connected(&mut self, peer: NodeId) -> impl Iterator<Item = ProtoMessage> {
        let mut queue = VecDeque::new();
        if let Some(mut dial) = self.peers.remove(&peer) {
            queue = dial.take();
            if let Stage::Dialing { .. } = dial.stage {
                self.peers.insert(peer, dial);
            }
        }
        queue.into_iter().map(|(message, _)| message)
    }

    /// Stops dialing a peer, and drops what waits for it. A pause goes on.
    pub fn cancel(&mut self, peer: NodeId) {
        if let Some(mut dial) = self.peers.remove(&peer) {
            dial.take();
            if let Stage::Pausing { .. } = dial.stage {
                self.peers.insert(peer, dial);
            }
        }
    }

    /// Waits for the next dial that ends. Cancel safe.
    ///
    /// After a dial that failed nothing waits for the peer any more. After one that did not, what
    /// waits is for [`Self::connected`] to take.
    pub async fn next(&mut self) -> (NodeId, Result<Connection, Error>) {
        while let Some(res) = self.tasks.join_next().await {
            let (peer, task, outcome) = res.expect("a panic is caught within the task");
            if task.is_cancelled() {
                continue;
            }
            match outcome {
                Some(Outcome::Dialed(res)) => {
                    self.dialed(peer, res.is_ok());
                    return (peer, res);
                }
                _ => self.paused(peer),
            }
        }
        std::future::pending().await
    }

    fn dialed(&mut self, peer: NodeId, success: bool) {
        let Some(mut dial) = self.peers.remove(&peer) else {
            return;
        };
        dial.stage = if success {
            Stage::Connected
        } else {
            dial.take();
            dial.failures += 1;
            self.pause(peer, dial.failures)
        };
        self.peers.insert(peer, dial);
    }

    fn paused(&mut self, peer: NodeId) {
        let dial = self.peers.remove(&peer);
        if let Some(mut dial) = dial.filter(|dial| !dial.queue.is_empty()) {
            dial.stage = self.dial(peer);
            self.peers.insert(peer, dial);
        }
    }

    fn forget_a_pause(&mut self) -> bool {
        let mut peers = self.peers.iter();
        let idle = peers
            .find(|(_, dial)| dial.queue.is_empty() && matches!(dial.stage, Stage::Pausing { .. }));
        let peer = idle.map(|(peer, _)| *peer);
        peer.is_some_and(|peer| self.peers.remove(&peer).is_some())
    }

    fn dial(&mut self, peer: NodeId) -> Stage {
        let (endpoint, turns) = (self.endpoint.clone(), self.turns.clone());
        let dial_timeout = self.limits.dial_timeout;
        let task = self.spawn(peer, async move {
            let _turn = turns.acquire_owned().await;
            let dial = AssertUnwindSafe(endpoint.connect(peer, GOSSIP_ALPN)).catch_unwind();
            let conn = match timeout(dial_timeout, dial).await {
                Ok(Ok(conn)) => conn,
                Ok(Err(_)) => Err(anyhow!("dial panicked")),
                Err(_) => Err(anyhow!("no answer in time")),
            };
            Outcome::Dialed(conn.map_err(Error::from))
        });
        Stage::Dialing { _task: task }
    }

    fn pause(&mut self, peer: NodeId, failures: u32) -> Stage {
        let pause = PAUSE_MIN
            .saturating_mul(1 << (failures - 1).min(16))
            .min(PAUSE_MAX);
        let task = self.spawn(peer, async move {
            sleep(pause).await;
            Outcome::Paused
        });
        Stage::Pausing { _task: task }
    }

    fn spawn(
        &mut self,
        peer: NodeId,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> DropGuard {
        let task = CancellationToken::new();
        let guard = task.clone().drop_guard();
        self.tasks.spawn(async move {
            let outcome = task.run_until_cancelled(work).await;
            (peer, task, outcome)
        });
        guard
    }
}

impl Dial {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            failures: 0,
            queue: Default::default(),
            queued_bytes: 0,
        }
    }

    fn push(&mut self, message: ProtoMessage, limits: &ConnectionLimits) {
        let size = message.size().unwrap_or_default();
        while self.queue.len() >= limits.pending_messages
            || self.queued_bytes + size > limits.pending_bytes
        {
            let Some((_, dropped)) = self.queue.pop_front() else {
                break;
            };
            self.queued_bytes -= dropped;
        }
        self.queued_bytes += size;
        self.queue.push_back((message, size));
    }

    fn take(&mut self) -> VecDeque<(ProtoMessage, usize)> {
        self.queued_bytes = 0;
        std::mem::take(&mut self.queue)
    }
}
