// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which peers are our direct neighbours in a gossip overlay right now.

use std::collections::HashMap;

use super::peer_table::PeerKey;

/// How many neighbours are remembered in one overlay.
///
/// The membership protocol keeps five active ones (`active_view_capacity` of its HyParView), and
/// reports every one that leaves. A report can still get lost, when the event channel lagged: this
/// bound, well above what can be true, keeps such stale neighbours from adding up.
const NEIGHBOURS_PER_OVERLAY: usize = 16;

/// The current neighbours in all overlays. A peer can be a neighbour in several.
#[derive(Debug, Default)]
pub struct Neighbours {
    /// Topic id of the overlay to its neighbours, longest-standing first.
    overlays: HashMap<[u8; 32], Vec<PeerKey>>,

    /// In how many overlays a peer is our neighbour; never zero.
    shared_overlays: HashMap<PeerKey, usize>,
}

impl Neighbours {
    /// Returns true if the peer is a neighbour in any overlay.
    pub fn contains(&self, peer: &PeerKey) -> bool {
        self.shared_overlays.contains_key(peer)
    }

    /// Returns true if we have no neighbour at all.
    pub fn is_empty(&self) -> bool {
        self.overlays.is_empty()
    }

    /// Enters a neighbour, and returns the one that had to make room for it, if any.
    pub fn up(&mut self, topic_id: [u8; 32], peer: PeerKey) -> Option<PeerKey> {
        let overlay = self.overlays.entry(topic_id).or_default();
        if overlay.contains(&peer) {
            return None;
        }
        overlay.push(peer);
        *self.shared_overlays.entry(peer).or_default() += 1;

        let displaced = (overlay.len() > NEIGHBOURS_PER_OVERLAY).then(|| overlay.remove(0))?;
        self.leave_one(&displaced);
        Some(displaced)
    }

    /// Takes a neighbour out.
    pub fn down(&mut self, topic_id: [u8; 32], peer: &PeerKey) {
        let Some(overlay) = self.overlays.get_mut(&topic_id) else {
            return;
        };
        let Some(position) = overlay.iter().position(|neighbour| neighbour == peer) else {
            return;
        };
        overlay.remove(position);
        if overlay.is_empty() {
            self.overlays.remove(&topic_id);
        }
        self.leave_one(peer);
    }

    /// Takes all neighbours of an overlay out and returns them.
    pub fn clear(&mut self, topic_id: [u8; 32]) -> Vec<PeerKey> {
        let former = self.overlays.remove(&topic_id).unwrap_or_default();
        for peer in &former {
            self.leave_one(peer);
        }
        former
    }

    fn leave_one(&mut self, peer: &PeerKey) {
        if let Some(overlays) = self.shared_overlays.get_mut(peer) {
            *overlays -= 1;
            if *overlays == 0 {
                self.shared_overlays.remove(peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NEIGHBOURS_PER_OVERLAY, Neighbours};

    const CHAT: [u8; 32] = [1; 32];
    const FILES: [u8; 32] = [2; 32];

    #[test]
    fn a_peer_stays_a_neighbour_until_it_left_its_last_overlay() {
        let mut neighbours = Neighbours::default();
        let peer = [7; 32];

        neighbours.up(CHAT, peer);
        neighbours.up(CHAT, peer);
        neighbours.up(FILES, peer);
        neighbours.down(CHAT, &peer);
        neighbours.down(CHAT, &peer);
        assert!(neighbours.contains(&peer));

        assert_eq!(neighbours.clear(FILES), [peer]);
        assert!(!neighbours.contains(&peer));
        assert!(neighbours.overlays.is_empty());
    }

    #[test]
    fn neighbours_whose_leaving_was_never_reported_do_not_add_up() {
        let mut neighbours = Neighbours::default();
        for peer in 0..=255 {
            neighbours.up(CHAT, [peer; 32]);
        }

        assert_eq!(neighbours.overlays[&CHAT].len(), NEIGHBOURS_PER_OVERLAY);
        assert_eq!(neighbours.shared_overlays.len(), NEIGHBOURS_PER_OVERLAY);
        assert!(neighbours.contains(&[255; 32]));
    }
}
