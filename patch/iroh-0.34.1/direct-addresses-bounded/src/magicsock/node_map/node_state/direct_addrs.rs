//! Keeps the direct addresses of a node within bounds.

use std::mem;

use n0_future::time::Instant;

use super::{
    ClearReason, IpPort, NodeState, PathState, LAST_ALIVE_PRUNE_DURATION,
    MAX_INACTIVE_DIRECT_ADDRESSES,
};

/// How many direct addresses of a node are kept, whatever is heard on them.
///
/// A node has a handful. But it may name thousands in a call-me-maybe message, and ping from as
/// many, and each of these counts as alive.
const MAX_DIRECT_ADDRESSES: usize = 100;

/// How much an address is worth. The least is the first to go.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    is_best: bool,
    is_active: bool,
    is_alive: bool,
    last_alive: Option<Instant>,
    last_told: Option<Instant>,
}

impl Worth {
    fn of(state: &PathState, is_best: bool) -> Self {
        let last_alive = state.last_alive();
        Self {
            is_best,
            is_active: state.is_active(),
            is_alive: last_alive.is_some_and(|at| at.elapsed() <= LAST_ALIVE_PRUNE_DURATION),
            last_alive,
            last_told: state.sources.values().max().copied(),
        }
    }

    /// Such addresses come before all others.
    fn is_stale(&self) -> bool {
        !(self.is_best || self.is_active || self.is_alive)
    }
}

impl NodeState {
    /// Removes direct addresses until at most [`MAX_INACTIVE_DIRECT_ADDRESSES`] of them are stale,
    /// and no more than [`MAX_DIRECT_ADDRESSES`] are there in all.
    ///
    /// Those never heard of go first, the one that was named longest ago before the others.
    pub(in crate::magicsock::node_map) fn prune_direct_addresses(&mut self) {
        let paths = &self.udp_paths.paths;
        if paths.len() <= MAX_INACTIVE_DIRECT_ADDRESSES {
            return;
        }
        let best = self.udp_paths.best_addr.addr().map(IpPort::from);
        let mut by_worth: Vec<_> = paths
            .iter()
            .map(|(ip_port, state)| (Worth::of(state, best == Some(*ip_port)), *ip_port))
            .collect();
        by_worth.sort_unstable();

        let stale = by_worth.partition_point(|(worth, _)| worth.is_stale());
        let too_many_stale = stale.saturating_sub(MAX_INACTIVE_DIRECT_ADDRESSES);
        let too_many = by_worth.len().saturating_sub(MAX_DIRECT_ADDRESSES);
        by_worth.truncate(too_many_stale.max(too_many));
        for (_, ip_port) in by_worth {
            self.remove_direct_addr(&ip_port, ClearReason::Inactive);
        }
    }

    pub(in crate::magicsock::node_map) fn has_direct_addr(&self, ip_port: &IpPort) -> bool {
        self.udp_paths.paths.contains_key(ip_port)
    }

    /// The direct addresses that were removed since this was last asked.
    pub(in crate::magicsock::node_map) fn take_lost_addrs(&mut self) -> Vec<IpPort> {
        mem::take(&mut self.udp_paths.lost)
    }
}
