//! Peers that we only heard of: when they become neighbors, and how long that lasts unconfirmed.

use super::{OutEvent, Priority, State, Timer};
use crate::proto::{PeerIdentity, PeerInfo, IO};
use n0_future::time::Instant;
use rand::Rng;

/// A peer that is met for the first time may have to be dialed, through a relay perhaps. It has this
/// many times as long as one that we ask in place of a neighbor that left: ten seconds by default.
const TIMEOUTS_TO_CONFIRM: u32 = 20;

impl<PI: PeerIdentity, RG: Rng> State<PI, RG> {
    /// Handles that a peer shall become our neighbor, at the end of the walk of a `ForwardJoin`.
    ///
    /// It may not exist, or know nothing of the topic. So it takes no place of a neighbor, and none at
    /// all on the word of a stranger: then it is asked, and added if it answers that we are neighbors.
    /// Where a neighbor of ours introduces it and there is room, it is added at once, and removed
    /// again if nothing is heard of it.
    pub(super) fn on_introduction(
        &mut self,
        sender: PI,
        peer: PeerInfo<PI>,
        now: Instant,
        io: &mut impl IO<PI>,
    ) {
        let PeerInfo { id, data } = peer;
        if self.active_is_full() || !self.active_view.contains(&sender) {
            if let Some(data) = data {
                io.push(OutEvent::PeerData(id, data));
            }
            self.send_neighbor(id, Priority::High, io);
            return;
        }
        self.add_active(id, data, Priority::High, now, io);
        self.pending_neighbor_requests.insert(id);
        let timeout = self.config.neighbor_request_timeout;
        io.push(OutEvent::ScheduleTimer(
            timeout.saturating_mul(TIMEOUTS_TO_CONFIRM),
            Timer::PendingNeighborRequest(id),
        ));
    }

    /// Takes note that a frame came from a peer: if it is a neighbor, that is confirmed now.
    pub fn on_frame(&mut self, from: &PI) {
        if !self.pending_neighbor_requests.is_empty() && self.active_view.contains(from) {
            self.pending_neighbor_requests.remove(from);
        }
    }

    /// How many peers were asked to become neighbors and are not yet.
    pub(super) fn requests_in_flight(&self) -> usize {
        self.pending_neighbor_requests
            .iter()
            .filter(|peer| !self.active_view.contains(*peer))
            .count()
    }
}
