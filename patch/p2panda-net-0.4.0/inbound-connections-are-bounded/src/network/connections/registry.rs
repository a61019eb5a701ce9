// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bounds the inbound connections of a node in number and time.
//!
//! Each connection has a [`Slot`] from its first packet until its handler ends, which is when the
//! slot is dropped. When all are taken, the oldest connection that serves nobody makes room. A
//! connection *serves* somebody while it is the newest gossip connection of a current neighbour, or
//! while a sync session runs on it. If all of them do, the newcomer is refused.
//!
//! How much time a connection has depends on what is known of it. A handshake has a deadline. After
//! it, a connection that serves nobody and on which nothing is said is closed after a while; the
//! packets that merely keep it alive say nothing. Both need a handle of the connection, which is what
//! a [`ConnectionHandler`] is given. A handler that takes a [`Connecting`]
//! keeps it to itself: its connections have their deadline only up to the choice of a protocol, and
//! may be idle, but they make room as any other.
//!
//! Nobody waits for anybody here: the lock is never held across an await.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use iroh::endpoint::{Connecting, Connection, VarInt};
use iroh_gossip::net::GOSSIP_ALPN;
use serde::Serialize;
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::engine::AddressBook;
use crate::protocols::ProtocolHandler;
use crate::sync::SYNC_CONNECTION_ALPN;

use super::ConnectionHandler;

/// How often a connection is looked at before it counts as idle. It may be idle for one look longer.
const LOOKS: u32 = 4;

/// What a peer is told when its connection makes room for another.
const MAKES_ROOM: (VarInt, &[u8]) = (VarInt::from_u32(1), b"too many connections");

/// What a peer is told when its connection was idle.
const IDLE: (VarInt, &[u8]) = (VarInt::from_u32(2), b"idle");

/// Bounds on inbound connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time.
    pub connections: usize,

    /// Time from a connection's first packet to the end of its handshake.
    pub handshake: Duration,

    /// Time that a connection is kept which serves nobody and on which nothing is said.
    pub idle: Duration,

    /// Bytes that may wait unread on a connection, also on one that this node has opened.
    pub receive_window: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            receive_window: 16 * 1024 * 1024,
        }
    }
}

impl ConnectionLimits {
    /// The receive window as QUIC knows it.
    pub fn receive_window(&self) -> VarInt {
        VarInt::try_from(self.receive_window as u64).unwrap_or(VarInt::MAX)
    }
}

/// The inbound connections of a node.
#[derive(Clone, Debug)]
pub struct Connections {
    address_book: AddressBook,
    limits: ConnectionLimits,
    table: Arc<Mutex<Table>>,
}

/// Figures on inbound connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InboundStats {
    /// Inbound connections, whose handler runs.
    pub connections: usize,

    /// Bound of `connections`.
    pub connections_max: usize,

    /// Of these, the ones known by their peer: their handshake is complete, and their handler takes
    /// connections.
    pub established: usize,

    /// Milliseconds since the oldest of them came in.
    pub oldest_age_ms: u64,

    /// Connections that made room for another.
    pub evicted: u64,

    /// Connections refused since all there were served somebody.
    pub refused: u64,

    /// Connections closed since their handshake took too long.
    pub stalled: u64,

    /// Connections closed since they were idle.
    pub idle: u64,
}

impl Connections {
    /// `address_book` tells who is a neighbour.
    pub fn new(limits: ConnectionLimits, address_book: AddressBook) -> Self {
        Self {
            address_book,
            limits,
            table: Default::default(),
        }
    }

    /// Returns a slot for one more connection; `None` when each is taken by one that serves somebody.
    ///
    /// While they are all taken, this costs a walk through them.
    pub async fn admit(&self) -> Option<Slot> {
        if self.table().entries.len() >= self.limits.connections {
            let neighbours = self.address_book.neighbours().await;
            if !self.table().make_room(&neighbours) {
                return None;
            }
        }
        let evicted = CancellationToken::new();
        let number = self.table().enter(evicted.clone());
        Some(Slot {
            connections: self.clone(),
            number,
            since: Instant::now(),
            evicted,
        })
    }

    /// Bound on tasks that serve connections and were not looked after since they ended: as many
    /// again as may run. With a peer that opens connections without a break they would add up.
    pub fn tasks_max(&self) -> usize {
        self.limits.connections.saturating_mul(2)
    }

    /// Figures at this moment. Costs a walk through all connections.
    pub fn stats(&self) -> InboundStats {
        let table = self.table();
        let entries = || table.entries.values();
        let oldest_age = entries().next().map(|oldest| oldest.since.elapsed());
        InboundStats {
            connections: table.entries.len(),
            connections_max: self.limits.connections,
            established: entries().filter(|it| it.established.is_some()).count(),
            oldest_age_ms: oldest_age.map_or(0, |age| age.as_millis() as u64),
            ..table.counted.clone()
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics under the lock, and an entry more or less does no harm.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection. It is given back when this is dropped.
#[derive(Debug)]
pub struct Slot {
    connections: Connections,
    number: u64,
    since: Instant,
    evicted: CancellationToken,
}

impl Slot {
    /// Handles the connection until it is to make room for another. Then what handles it is dropped.
    pub async fn hold(&self, handling: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = self.evicted.cancelled() => debug!("connection makes room for another"),
            () = handling => {}
        }
    }

    /// Waits for a step of the handshake, up to the deadline of all of it.
    pub async fn handshake<T, E>(&self, step: impl Future<Output = Result<T, E>>) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        let deadline = self.connections.limits.handshake;
        match timeout(deadline.saturating_sub(self.since.elapsed()), step).await {
            Ok(done) => done.map_err(Into::into),
            Err(_) => {
                self.connections.table().counted.stalled += 1;
                bail!("it took longer than {deadline:?}")
            }
        }
    }

    /// Lets a handler have the connection until it is done with it, or the connection is idle.
    pub async fn accept(
        &self,
        handler: Arc<dyn ProtocolHandler>,
        connecting: Connecting,
    ) -> Result<()> {
        match handler.clone().connection_handler() {
            Some(handler) => self.serve(handler, self.handshake(connecting).await?).await,
            None => handler.accept(connecting).await,
        }
    }

    async fn serve(
        &self,
        handler: Arc<dyn ConnectionHandler>,
        connection: Connection,
    ) -> Result<()> {
        let established = Established::new(connection.clone());
        self.connections
            .table()
            .establish(self.number, established.clone());
        tokio::select! {
            served = handler.serve(connection) => served,
            () = self.idle(&established) => {
                self.connections.table().counted.idle += 1;
                established.close(IDLE);
                debug!("connection was idle");
                Ok(())
            }
        }
    }

    /// Waits until the connection has been idle for as long as it may.
    async fn idle(&self, established: &Established) {
        let mut looks = interval((self.connections.limits.idle / LOOKS).max(MIN_LOOK));
        let mut said = established.said();
        let mut silent_looks = 0;
        while silent_looks <= LOOKS {
            looks.tick().await;
            let neighbours = self.connections.address_book.neighbours().await;
            let serves = established.is_session() || established.is_of_any(&neighbours);
            silent_looks = match established.said() {
                now if now == said && !serves => silent_looks + 1,
                now => {
                    said = now;
                    0
                }
            };
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.table().entries.remove(&self.number);
    }
}

/// A timer can not have a period of zero.
const MIN_LOOK: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
struct Table {
    next_number: u64,

    /// By their number, so the oldest comes first.
    entries: BTreeMap<u64, Entry>,

    /// Only its counters are kept up to date.
    counted: InboundStats,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    evicted: CancellationToken,
    established: Option<Established>,
}

impl Table {
    fn enter(&mut self, evicted: CancellationToken) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let entry = Entry {
            since: Instant::now(),
            evicted,
            established: None,
        };
        self.entries.insert(number, entry);
        number
    }

    fn establish(&mut self, number: u64, established: Established) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.established = Some(established);
        }
    }

    /// Ends the oldest connection that serves nobody. Returns false if there is none.
    fn make_room(&mut self, neighbours: &HashSet<[u8; 32]>) -> bool {
        let mut served = HashSet::new();
        let mut serves = |established: &Established| {
            established.is_session()
                || established.is_of_any(neighbours) && served.insert(established.peer)
        };
        // From the newest to the oldest, as of a neighbour's connections the newest is in use.
        let idlers = self.entries.iter().rev().filter_map(|(number, entry)| {
            let serves = entry.established.as_ref().is_some_and(&mut serves);
            (!serves).then_some(*number)
        });
        let Some(entry) = idlers
            .last()
            .and_then(|oldest| self.entries.remove(&oldest))
        else {
            self.counted.refused += 1;
            return false;
        };
        if let Some(established) = entry.established {
            established.close(MAKES_ROOM);
        }
        entry.evicted.cancel();
        self.counted.evicted += 1;
        true
    }
}

/// A connection after its handshake, known by its peer and protocol.
#[derive(Clone, Debug)]
struct Established {
    connection: Connection,
    peer: Option<[u8; 32]>,
    alpn: Vec<u8>,
}

impl Established {
    fn new(connection: Connection) -> Self {
        let peer = connection.remote_node_id().ok();
        Self {
            peer: peer.map(|peer| *peer.as_bytes()),
            alpn: connection.alpn().unwrap_or_default(),
            connection,
        }
    }

    /// Whether it is a gossip connection of one of these peers.
    fn is_of_any(&self, neighbours: &HashSet<[u8; 32]>) -> bool {
        self.alpn == GOSSIP_ALPN && self.peer.is_some_and(|peer| neighbours.contains(&peer))
    }

    /// Whether a sync session runs on it. Its end is the end of the connection.
    fn is_session(&self) -> bool {
        self.alpn == SYNC_CONNECTION_ALPN && self.connection.stats().frame_rx.stream > 0
    }

    /// A measure of what both sides have said so far.
    fn said(&self) -> u64 {
        let stats = self.connection.stats();
        [stats.frame_rx, stats.frame_tx]
            .iter()
            .map(|frames| frames.stream + frames.datagram)
            .sum()
    }

    fn close(&self, (code, reason): (VarInt, &[u8])) {
        self.connection.close(code, reason);
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod registry_tests;
