//! Keeps the index of direct addresses to the nodes that have them.

use std::net::SocketAddr;

use super::{IpPort, NodeMapInner};

impl NodeMapInner {
    /// Makes the index follow the direct addresses of a node, which was told of some: it is found
    /// by those of them that it has kept, and by none that it has lost.
    pub(super) fn index_direct_addrs(
        &mut self,
        id: usize,
        told: impl IntoIterator<Item = SocketAddr>,
    ) {
        let lost = self.by_id.get_mut(&id).map(|node| node.take_lost_addrs());
        self.unindex(id, lost.into_iter().flatten());
        if let Some(node) = self.by_id.get(&id) {
            let told = told.into_iter().map(IpPort::from);
            let kept = told.filter(|ip_port| node.has_direct_addr(ip_port));
            self.by_ip_port.extend(kept.map(|ip_port| (ip_port, id)));
        }
    }

    /// Lets nobody find a node by addresses that it has lost.
    pub(super) fn unindex(&mut self, id: usize, lost: impl IntoIterator<Item = IpPort>) {
        for ip_port in lost {
            // Another node may have claimed it since.
            if self.by_ip_port.get(&ip_port) == Some(&id) {
                self.by_ip_port.remove(&ip_port);
            }
        }
    }
}
