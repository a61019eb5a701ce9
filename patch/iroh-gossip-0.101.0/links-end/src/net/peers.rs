//! Which peers are connected, on which of their connections messages are sent, and which end.
//!
//! A peer has an entry as long as it has a connection. There may be several: two nodes can dial each
//! other at the same time, and a peer that was restarted comes back before its last connection timed
//! out. Then both must come to use the same one. The node with the smaller id decides, and sends on
//! the newest; the other sends on the one on which it was last sent something.
//!
//! The protocol needs one connection to each neighbor. Any other is for what is said in passing: to
//! join, to shuffle, to refuse. So it ends once it was idle for a while, and until then it is used
//! again if there is more to say.

use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
};

use iroh::EndpointId;
use n0_future::time::{sleep_until, Duration, Instant};
use tokio::sync::mpsc;
use tracing::debug;

use super::{ConnId, ProtoMessage};

#[derive(Debug)]
pub(super) struct Peers {
    me: EndpointId,
    peers: HashMap<EndpointId, Vec<Conn>>,
    /// Counts the frames that were received on any connection.
    frames: Arc<AtomicU64>,
    /// When to look for idle connections, if there may be one.
    next_sweep: Option<Instant>,
    /// The time between two such looks.
    idle: Duration,
}

#[derive(Debug)]
struct Conn {
    id: ConnId,
    /// `None` once we finish our half of the connection.
    queue: Option<mpsc::Sender<ProtoMessage>>,
    received: Received,
    /// What `received` was when last looked at.
    seen: u64,
    /// Whether something was sent, or it was opened, since then.
    used: bool,
}

/// When the last frame of a connection was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    frames: Arc<AtomicU64>,
    /// Its number among those of all connections; zero if there was none.
    last: Arc<AtomicU64>,
}

impl Received {
    /// Takes note of a frame.
    pub fn frame(&self) {
        let frame = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        self.last.store(frame, Ordering::Relaxed);
    }

    fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}

impl Peers {
    /// Connections end that are idle for at least the time `idle`, and at most for twice that.
    pub fn new(me: EndpointId, idle: Duration) -> Self {
        Self {
            me,
            peers: Default::default(),
            frames: Default::default(),
            next_sweep: None,
            idle,
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    pub fn contains_key(&self, peer: &EndpointId) -> bool {
        self.peers.contains_key(peer)
    }

    pub fn connected(
        &mut self,
        peer: EndpointId,
        id: ConnId,
        queue: mpsc::Sender<ProtoMessage>,
    ) -> Received {
        let received = Received {
            frames: self.frames.clone(),
            last: Default::default(),
        };
        self.peers.entry(peer).or_default().push(Conn {
            id,
            queue: Some(queue),
            received: received.clone(),
            seen: 0,
            used: true,
        });
        self.released();
        received
    }

    /// The queue of the connection on which to send to a peer, if it has one.
    pub fn queue(&mut self, peer: &EndpointId) -> Option<&mpsc::Sender<ProtoMessage>> {
        let conns = self.peers.get_mut(peer)?;
        let index = in_use(conns, self.me > *peer)?;
        let conn = &mut conns[index];
        conn.used = true;
        conn.queue.as_ref()
    }

    /// Takes note that there may be a connection that the protocol does not need.
    pub fn released(&mut self) {
        // After a time without end nothing is idle.
        if let Some(sweep) = Instant::now().checked_add(self.idle) {
            self.next_sweep.get_or_insert(sweep);
        }
    }

    /// Waits until it is time to call [`Self::end_idle`]. Cancel safe.
    pub async fn sweep_due(&self) {
        match self.next_sweep {
            Some(sweep) => sleep_until(sweep).await,
            None => std::future::pending().await,
        }
    }

    /// Ends the connections that are not needed, and were not used since this was last called.
    ///
    /// What is queued on them is still sent.
    pub fn end_idle(&mut self, is_neighbor: impl Fn(&EndpointId) -> bool) {
        self.next_sweep = None;
        let mut any_left = false;
        for (peer, conns) in &mut self.peers {
            let follows = self.me > *peer;
            let in_use = in_use(conns, follows).filter(|_| is_neighbor(peer));
            let last = in_use.map(|index| conns[index].received.last());
            for (index, conn) in conns.iter_mut().enumerate() {
                let received = conn.received.last();
                let idle = !conn.used && received == conn.seen;
                conn.used = false;
                conn.seen = received;
                if in_use == Some(index) || conn.queue.is_none() {
                    continue;
                }
                // The peer that decides which connection stays may be about to use this one, unless
                // it is seen to have changed to another.
                let is_left = last.is_none_or(|last| !follows || (0 < received && received < last));
                if idle && is_left {
                    debug!(peer = %peer.fmt_short(), "connection is idle, end it");
                    conn.queue = None;
                } else {
                    any_left = true;
                }
            }
        }
        if any_left {
            self.released();
        }
    }

    /// Forgets a connection that was closed, and with the last one the peer.
    ///
    /// Returns whether the peer has no other connection.
    pub fn closed(&mut self, peer: &EndpointId, id: ConnId) -> bool {
        let Some(conns) = self.peers.get_mut(peer) else {
            return true;
        };
        conns.retain(|conn| conn.id != id);
        debug!("{} other connections remain", conns.len());
        let is_gone = conns.is_empty();
        if is_gone {
            self.peers.remove(peer);
        }
        is_gone
    }
}

/// On which of the connections of a peer to send.
fn in_use(conns: &[Conn], follows: bool) -> Option<usize> {
    let open = conns.iter().enumerate().filter(|(_, conn)| {
        let queue = conn.queue.as_ref();
        queue.is_some_and(|queue| !queue.is_closed())
    });
    let newest = open.max_by_key(|(index, conn)| {
        let last = if follows { conn.received.last() } else { 0 };
        (last, *index)
    });
    newest.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    /// Two nodes that dialed each other at once came to send on different connections.
    #[tokio::test]
    async fn two_nodes_come_to_use_the_same_of_two_connections() {
        let [small, large] = ids();
        let (mut ours, mut theirs) = (node(small), node(large));
        // Each learns of its own dial last: the small one of `b`, the large one of `a`.
        let [a, b] = [1, 2];
        let (_a_at_small, mut a_in) = open(&mut ours, large, a);
        let (b_at_small, _b_in) = open(&mut ours, large, b);
        let (b_at_large, _b_out) = open(&mut theirs, small, b);
        let (a_at_large, _a_out) = open(&mut theirs, small, a);
        // Something was sent before they met.
        a_at_large.frame();
        b_at_small.frame();

        for _ in 0..2 {
            ours.end_idle(|_| true);
            theirs.end_idle(|_| true);
        }
        assert!(a_in.recv().await.is_none(), "the small one ends its older");
        assert_eq!(open_conns(&theirs, small), [b, a], "the large one waits");

        // What the small one sends next comes on its newest.
        b_at_large.frame();
        theirs.queue(&small).unwrap();
        for _ in 0..2 {
            theirs.end_idle(|_| true);
        }
        assert_eq!(open_conns(&theirs, small), [b]);
        assert_eq!(open_conns(&ours, large), [b]);
    }

    #[tokio::test]
    async fn the_other_connection_is_used_once_one_is_closed() {
        let [small, large] = ids();
        let mut peers = node(large);
        let (first_received, _first) = open(&mut peers, small, 1);
        let (_, second) = open(&mut peers, small, 2);
        first_received.frame();
        assert!(!peers.closed(&small, 1));
        assert_eq!(second.sender_strong_count(), 1);
        assert!(peers.queue(&small).is_some());
        assert!(peers.closed(&small, 2));
        assert!(!peers.contains_key(&small));
    }

    #[tokio::test]
    async fn a_connection_in_passing_stays_while_it_is_used_and_no_longer() {
        let [small, large] = ids();
        for me in [small, large] {
            let peer = if me == small { large } else { small };
            let mut peers = node(me);
            let (received, _queue) = open(&mut peers, peer, 1);
            for _ in 0..3 {
                received.frame();
                peers.end_idle(|_| false);
                peers.queue(&peer).unwrap();
                peers.end_idle(|_| false);
            }
            peers.end_idle(|_| false);
            assert!(peers.queue(&peer).is_none());
            assert!(peers.next_sweep.is_none(), "there is nothing to look for");
        }
    }

    fn ids() -> [EndpointId; 2] {
        let mut ids = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).public());
        ids.sort();
        ids
    }

    fn node(me: EndpointId) -> Peers {
        Peers::new(me, Duration::from_secs(5))
    }

    fn open(
        peers: &mut Peers,
        peer: EndpointId,
        id: ConnId,
    ) -> (Received, mpsc::Receiver<ProtoMessage>) {
        let (tx, rx) = mpsc::channel(1);
        (peers.connected(peer, id, tx), rx)
    }

    fn open_conns(peers: &Peers, peer: EndpointId) -> Vec<ConnId> {
        let conns = peers.peers[&peer].iter();
        let open = conns.filter(|conn| conn.queue.is_some());
        open.map(|conn| conn.id).collect()
    }
}
