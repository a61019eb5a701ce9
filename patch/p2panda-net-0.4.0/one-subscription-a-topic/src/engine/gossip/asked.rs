// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which peers were lately asked to let us into an overlay.

use std::collections::HashMap;
use std::time::Duration;

use iroh::NodeId;
use tokio::time::Instant;

/// How long a peer is not asked again, in which it can be dialled and answer. A dial gives up after
/// 30 seconds.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Peers asked within `ASK_AGAIN`: nine samples of seven. One who answers is enough.
const ASKED_MAX: usize = 64;

/// Peers who were asked, and when. Takes at most `ASKED_MAX`.
#[derive(Debug, Default)]
pub struct Asked(HashMap<[u8; 32], Instant>);

impl Asked {
    /// Picks those to be asked now: they were not asked lately.
    pub fn ask(&mut self, peers: Vec<NodeId>) -> Vec<NodeId> {
        self.0.retain(|_, at| at.elapsed() < ASK_AGAIN);
        peers.into_iter().filter(|peer| self.insert(peer)).collect()
    }

    /// Lets a peer be asked again at once.
    pub fn forget(&mut self, peer: &NodeId) {
        self.0.remove(peer.as_bytes());
    }

    fn insert(&mut self, peer: &NodeId) -> bool {
        let is_new = self.0.len() < ASKED_MAX && !self.0.contains_key(peer.as_bytes());
        if is_new {
            self.0.insert(*peer.as_bytes(), Instant::now());
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use p2panda_core::PrivateKey;
    use tokio::time::advance;

    use crate::from_public_key;

    use super::{ASK_AGAIN, ASKED_MAX, Asked, NodeId};

    fn peer() -> NodeId {
        from_public_key(PrivateKey::new().public_key())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_asked_again_after_a_while_or_when_it_has_gone() {
        let peer = peer();
        let mut asked = Asked::default();
        assert_eq!(asked.ask(vec![peer, peer]), [peer]);
        assert_eq!(asked.ask(vec![peer]), []);

        asked.forget(&peer);
        assert_eq!(asked.ask(vec![peer]), [peer]);

        advance(ASK_AGAIN / 2).await;
        assert_eq!(asked.ask(vec![peer]), []);
        advance(ASK_AGAIN / 2).await;
        assert_eq!(asked.ask(vec![peer]), [peer]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_peers_are_asked_than_can_be_remembered() {
        let peers: Vec<_> = (0..ASKED_MAX + 1).map(|_| peer()).collect();
        let mut asked = Asked::default();
        assert_eq!(asked.ask(peers.clone()), peers[..ASKED_MAX]);
        assert_eq!(asked.ask(peers.clone()), []);

        advance(ASK_AGAIN).await;
        assert_eq!(asked.ask(peers.clone()), peers[..ASKED_MAX]);
    }
}
