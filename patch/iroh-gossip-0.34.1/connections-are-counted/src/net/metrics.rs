//! What becomes of connections and of what is to be sent on them, counted.

use iroh_metrics::{
    core::{Counter, Metric},
    struct_iterable::Iterable,
};

/// Counts connections, and messages that are not sent.
///
/// Registered beside [`Metrics`]. Counters in a pair tell a number by their difference: the connections
/// that are held, and the peers they are with. Without several connections to one peer the two are
/// equal. Dials that failed are counted by [`Metrics::actor_tick_dialer_failure`], neighbors by
/// [`Metrics::neighbor_up`] and [`Metrics::neighbor_down`].
///
/// [`Metrics`]: crate::metrics::Metrics
/// [`Metrics::actor_tick_dialer_failure`]: crate::metrics::Metrics::actor_tick_dialer_failure
/// [`Metrics::neighbor_up`]: crate::metrics::Metrics::neighbor_up
/// [`Metrics::neighbor_down`]: crate::metrics::Metrics::neighbor_down
#[allow(missing_docs)]
#[derive(Debug, Clone, Iterable)]
#[non_exhaustive]
pub struct ConnectionMetrics {
    pub connections_opened: Counter,
    pub connections_closed: Counter,
    pub peers_connected: Counter,
    pub peers_disconnected: Counter,
    pub connections_evicted: Counter,
    pub connections_unused: Counter,
    pub msgs_dropped: Counter,
}

impl Default for ConnectionMetrics {
    fn default() -> Self {
        Self {
            connections_opened: Counter::new("Number of connections opened by us or by peers"),
            connections_closed: Counter::new("Number of these connections that are closed"),
            peers_connected: Counter::new("Number of times a peer got its first connection"),
            peers_disconnected: Counter::new("Number of times a peer lost its last connection"),
            connections_evicted: Counter::new(
                "Number of connections closed to make room for newer ones",
            ),
            connections_unused: Counter::new(
                "Number of connections closed because their peers did not put them to use",
            ),
            msgs_dropped: Counter::new("Number of messages dropped before they were sent"),
        }
    }
}

impl Metric for ConnectionMetrics {
    fn name() -> &'static str {
        "gossip_connections"
    }
}
