//! The connection attempts that wait for the application to accept or turn away their [`Incoming`]
//!
//! An attempt leaves the table when it is answered, when its `Incoming` is dropped unanswered, and
//! when it has waited for [`ServerConfig::incoming_timeout()`]. Ids are never used twice, so an
//! `Incoming` that outlives its attempt cannot be mistaken for a later one.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
};
use std::sync::{Mutex, PoisonError};

use tracing::debug;

use super::{ConnectionIndex, Endpoint, Incoming, RouteDatagramTo};
use crate::{
    ConnectionId, Duration, FourTuple, Instant, config::ServerConfig, packet::PartialDecode,
    shared::DatagramConnectionEvent,
};

impl Endpoint {
    /// When [`handle_timeout`](Self::handle_timeout) should be called next
    ///
    /// The expiry of the oldest connection attempt that waits for an answer. `None` while none
    /// does, or without [`ServerConfig::incoming_timeout()`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let oldest = self.incoming.attempts.values().next()?;
        self.incoming.expiry(oldest)
    }

    /// Forget connection attempts that waited too long, or whose [`Incoming`] was dropped
    ///
    /// The endpoint does so by itself as further Initials arrive. Calling this when
    /// [`poll_timeout`](Self::poll_timeout) says frees their memory even if none does.
    #[inline]
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.incoming.is_due(now) {
            self.forget_due(now);
        }
    }

    /// Whether this endpoint still waits for `incoming` to be answered
    ///
    /// Once it does not, accepting fails with [`ConnectionError::TimedOut`], and holding on to it
    /// is of no use.
    ///
    /// [`ConnectionError::TimedOut`]: crate::ConnectionError::TimedOut
    pub fn is_pending(&self, incoming: &Incoming) -> bool {
        self.incoming.issued(&incoming.ticket)
            && self.incoming.attempts.contains_key(&incoming.ticket.id)
    }

    #[cold]
    fn forget_due(&mut self, now: Instant) {
        for id in self.incoming.dropped.take() {
            self.remove_incoming(id);
        }
        while let Some((&id, attempt)) = self.incoming.attempts.first_key_value() {
            match self.incoming.expiry(attempt) {
                Some(expiry) if expiry <= now => {
                    debug!("forgetting a connection attempt that nobody answered");
                    self.remove_incoming(id);
                }
                _ => break,
            }
        }
        self.incoming.next_expiry = self.poll_timeout();
    }

    /// Where to deliver a datagram
    ///
    /// An attempt that nobody can accept any more is no destination, so that a retransmitted
    /// Initial starts a new one.
    pub(super) fn route(
        &mut self,
        now: Instant,
        network_path: &FourTuple,
        datagram: &PartialDecode,
    ) -> Option<RouteDatagramTo> {
        let route = self.index.get(network_path, datagram)?;
        let Some(id) = route.attempt() else {
            return Some(route);
        };
        self.handle_timeout(now);
        self.incoming.attempts.contains_key(&id).then_some(route)
    }

    /// Start to wait for the application's answer to a first packet
    pub(super) fn insert_incoming(
        &mut self,
        dst_cid: ConnectionId,
        received_at: Instant,
        server_config: Arc<ServerConfig>,
    ) -> IncomingTicket {
        let table = &mut self.incoming;
        let id = table.next_id;
        table.next_id += 1;
        let attempt = Attempt {
            received_at,
            dst_cid,
            server_config,
            datagrams: Vec::new(),
            total_bytes: 0,
        };
        table.next_expiry = table.next_expiry.or(table.expiry(&attempt));
        table.attempts.insert(id, attempt);
        let ticket = IncomingTicket {
            id,
            answered: false,
            dropped: table.dropped.clone(),
        };
        self.index.insert_initial_incoming(dst_cid, id);
        self.debug_assert_incoming();
        ticket
    }

    /// Keep a datagram for the connection that an attempt may become, within the configured limits
    pub(super) fn buffer_incoming(
        &mut self,
        id: u64,
        datagram_len: usize,
        event: DatagramConnectionEvent,
    ) {
        let table = &mut self.incoming;
        let Some(buffer) = table.attempts.get_mut(&id) else {
            return;
        };
        let config = &buffer.server_config;
        let bytes = buffer.total_bytes.saturating_add(datagram_len as u64);
        let all_bytes = table.total_bytes.saturating_add(datagram_len as u64);
        if bytes > config.incoming_buffer_size || all_bytes > config.incoming_buffer_size_total {
            return;
        }
        buffer.datagrams.push(event);
        buffer.total_bytes = bytes;
        table.total_bytes = all_bytes;
        self.debug_assert_incoming();
    }

    /// Stop waiting, as the application answers
    ///
    /// `None` if there is nothing to answer: the attempt expired, or is another endpoint's. That
    /// endpoint then learns from the dropped ticket.
    pub(super) fn take_incoming(&mut self, incoming: &mut Incoming) -> Option<Attempt> {
        let ticket = &mut incoming.ticket;
        if !self.incoming.issued(ticket) {
            return None;
        }
        ticket.answered = true;
        self.remove_incoming(ticket.id)
    }

    fn remove_incoming(&mut self, id: u64) -> Option<Attempt> {
        let buffer = self.incoming.attempts.remove(&id)?;
        self.incoming.total_bytes -= buffer.total_bytes;
        self.index.remove_initial_incoming(buffer.dst_cid, id);
        self.debug_assert_incoming();
        Some(buffer)
    }

    /// Hold every figure and route against the table, in debug builds
    ///
    /// Adding up takes time in proportion to the table, so only small ones are.
    fn debug_assert_incoming(&self) {
        const SMALL: usize = 64;
        let IncomingTable {
            attempts,
            total_bytes,
            next_expiry,
            ..
        } = &self.incoming;
        let routes = &self.index.connection_ids_initial;
        if !cfg!(debug_assertions) || attempts.len() > SMALL || routes.len() > SMALL {
            return;
        }
        let bytes = attempts.values().map(|attempt| attempt.total_bytes);
        assert_eq!(*total_bytes, bytes.sum::<u64>());

        let mut routed: Vec<u64> = routes
            .values()
            .filter_map(RouteDatagramTo::attempt)
            .collect();
        routed.sort_unstable();
        let with_cid = attempts.iter().filter(|(_, x)| !x.dst_cid.is_empty());
        assert!(routed.iter().eq(with_cid.map(|(id, _)| id)));

        let oldest = self.poll_timeout();
        assert!(oldest.is_none() || next_expiry.is_some() && *next_expiry <= oldest);
    }
}

impl RouteDatagramTo {
    fn attempt(&self) -> Option<u64> {
        match *self {
            Self::Incoming(id) => Some(id),
            Self::Connection(..) => None,
        }
    }
}

impl ConnectionIndex {
    /// Remove an attempt's association with its initial destination CID
    ///
    /// The route stays if it leads elsewhere by now.
    fn remove_initial_incoming(&mut self, dst_cid: ConnectionId, id: u64) {
        let route = self.connection_ids_initial.get(&dst_cid);
        if route.and_then(RouteDatagramTo::attempt) == Some(id) {
            self.connection_ids_initial.remove(&dst_cid);
        }
    }
}

/// The attempts in order of arrival, and what they hold
pub(super) struct IncomingTable {
    attempts: BTreeMap<u64, Attempt>,
    next_id: u64,
    /// Sum of the attempts' `total_bytes`
    total_bytes: u64,
    /// That of the latest server configuration, for all attempts, so that they expire in order
    timeout: Option<Duration>,
    /// No later than the first attempt expires, so that each Initial need not look for that
    next_expiry: Option<Instant>,
    dropped: Arc<DroppedTickets>,
}

impl IncomingTable {
    pub(super) fn new(server_config: Option<&ServerConfig>) -> Self {
        Self {
            attempts: BTreeMap::new(),
            next_id: 0,
            total_bytes: 0,
            timeout: server_config.and_then(|config| config.incoming_timeout),
            next_expiry: None,
            dropped: Arc::default(),
        }
    }

    /// Take over the timeout; once the configuration is withdrawn the former one remains
    pub(super) fn reconfigure(&mut self, server_config: Option<&ServerConfig>) {
        if let Some(config) = server_config {
            self.timeout = config.incoming_timeout;
            let oldest = self.attempts.values().next();
            self.next_expiry = oldest.and_then(|attempt| self.expiry(attempt));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.attempts.len()
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    fn expiry(&self, attempt: &Attempt) -> Option<Instant> {
        attempt.received_at.checked_add(self.timeout?)
    }

    /// Whether there may be an attempt to forget
    fn is_due(&self, now: Instant) -> bool {
        self.dropped.any() || self.next_expiry.is_some_and(|at| at <= now)
    }

    fn issued(&self, ticket: &IncomingTicket) -> bool {
        Arc::ptr_eq(&self.dropped, &ticket.dropped)
    }
}

/// What the endpoint keeps of one connection attempt
pub(super) struct Attempt {
    received_at: Instant,
    /// Where its route in the index starts, if not empty
    dst_cid: ConnectionId,
    /// As it was when the attempt arrived
    server_config: Arc<ServerConfig>,
    /// What followed the first datagram, for the connection to handle
    pub(super) datagrams: Vec<DatagramConnectionEvent>,
    /// Length of all `datagrams`
    total_bytes: u64,
}

/// What an [`Incoming`] holds on to its attempt by; dropped unanswered, it reports to the endpoint
#[derive(derive_more::Debug)]
pub(super) struct IncomingTicket {
    id: u64,
    #[debug(skip)]
    answered: bool,
    #[debug(skip)]
    dropped: Arc<DroppedTickets>,
}

impl Drop for IncomingTicket {
    fn drop(&mut self) {
        if !self.answered {
            self.dropped.push(self.id);
        }
    }
}

/// Ids of attempts whose `Incoming` was dropped, at most one for each, until the endpoint looks
#[derive(Default)]
struct DroppedTickets {
    ids: Mutex<Vec<u64>>,
    /// Whether there are any, to be asked without the lock
    any: AtomicBool,
}

impl DroppedTickets {
    fn push(&self, id: u64) {
        // A list of numbers is whole whatever happened to who held it, and a drop must not panic.
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.push(id);
        self.any.store(true, Ordering::Relaxed);
    }

    fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    fn take(&self) -> Vec<u64> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        self.any.store(false, Ordering::Relaxed);
        mem::take(&mut ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_dropped_through_a_poisoned_lock() {
        let dropped = Arc::new(DroppedTickets::default());
        let held = dropped.clone();
        let poisoned = std::thread::spawn(move || {
            let _ids = held.ids.lock();
            panic!("poisons the lock, as this test wants");
        });
        assert!(poisoned.join().is_err() && dropped.ids.is_poisoned());
        drop(IncomingTicket {
            id: 7,
            answered: false,
            dropped: dropped.clone(),
        });
        assert_eq!(dropped.take(), [7]);
    }
}
