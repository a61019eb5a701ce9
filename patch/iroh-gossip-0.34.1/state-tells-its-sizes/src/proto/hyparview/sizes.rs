//! How much the membership layer keeps.

use super::State;
use crate::proto::Sizes;

impl<PI, RG> State<PI, RG> {
    /// Adds the number of entries of each collection.
    pub fn add_sizes(&self, sizes: &mut Sizes) {
        let data = self.peer_data.values();
        sizes.active_peers += self.active_view.len();
        sizes.passive_peers += self.passive_view.len();
        sizes.pending_neighbor_requests += self.pending_neighbor_requests.len();
        sizes.peer_data += self.peer_data.len();
        sizes.peer_data_bytes += data.map(|data| data.inner().len()).sum::<usize>();
    }
}
