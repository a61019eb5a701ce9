//! Limits on the connections of a node.

use n0_future::time::Duration;

/// Limits on the connections of a node, and on what waits to be sent on them.
///
/// The defaults suit swarms of a thousand nodes, and of more; peers that keep up do not notice
/// them. They hold for connections that are opened after the limits were set. Each limit can be
/// raised or lowered for itself:
///
/// ```
/// use std::time::Duration;
///
/// use iroh_gossip::net::ConnectionLimits;
///
/// let mut limits = ConnectionLimits::default();
/// limits.send_stall = Duration::from_secs(60);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Messages that may wait to be sent on one connection. Default: 1024, which share their
    /// payloads with the other connections. At least one may wait.
    ///
    /// Beyond, messages for that peer are dropped. What is published here does not get that far:
    /// commands wait while half of a queue is taken.
    pub send_queue_messages: usize,

    /// How long a connection may take for 64 KiB of what waits to be sent on it. Default: 10
    /// seconds, which asks for 52 kbit/s. A peer that takes longer is disconnected.
    ///
    /// Where messages may be larger than 64 KiB it is as much longer as they are larger.
    pub send_stall: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            send_queue_messages: 1024,
            send_stall: Duration::from_secs(10),
        }
    }
}
