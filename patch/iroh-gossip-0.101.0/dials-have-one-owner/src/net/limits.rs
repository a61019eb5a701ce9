//! Limits on the connections of a node, and on its dials.

use n0_future::time::Duration;

/// Limits on the connections of a node, its dials, and what waits to be sent.
///
/// The defaults suit swarms of a thousand nodes, and of more; peers that keep up do not notice
/// them. Each limit can be raised or lowered for itself:
///
/// ```
/// use std::time::Duration;
///
/// use iroh_gossip::net::ConnectionLimits;
///
/// let mut limits = ConnectionLimits::default();
/// limits.dial_timeout = Duration::from_secs(60);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Dials that run at a time. Default: 32. Others wait for their turn; with zero, nobody is
    /// dialed.
    pub dials_in_flight: usize,

    /// How long a dial may take, once it is its turn. Default: 15 seconds, half of what an
    /// unanswered one takes to fail by itself.
    pub dial_timeout: Duration,

    /// Peers that are dialed, wait for their turn, or are given a pause after a dial that failed.
    /// Default: 256. What is to be sent to others is dropped.
    pub dials: usize,

    /// Messages that may wait for a peer to be connected. Default: 64, of which the oldest are
    /// dropped. A message that just came always waits.
    pub pending_messages: usize,

    /// Bytes of messages that may wait for a peer to be connected. Default: 256 KiB, as much as 64
    /// messages of the default size.
    pub pending_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            dials_in_flight: 32,
            dial_timeout: Duration::from_secs(15),
            dials: 256,
            pending_messages: 64,
            pending_bytes: 256 * 1024,
        }
    }
}
