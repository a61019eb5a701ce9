//! Limits on what peers and the application can make a node keep.

/// Limits on what peers and the application can make a node keep.
///
/// The defaults suit swarms of a thousand nodes, and of more; peers that keep to the protocol do not
/// notice them. Each limit can be raised or lowered for itself:
///
/// ```
/// use iroh_gossip::GossipLimits;
///
/// let mut limits = GossipLimits::default();
/// limits.missing_messages_per_peer = 10_000;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GossipLimits {
    /// Messages that each neighbor may have announced for a topic without our having received them.
    /// Default: 4096, which take 1.5 MB. All peers that are not neighbors share one such allowance.
    ///
    /// What is announced beyond is not asked for. A message is usually received, or asked for in
    /// vain, within [`PlumtreeConfig::graft_timeout_1`] after it was announced, so the default
    /// suffices for more than 40,000 messages a second.
    ///
    /// [`PlumtreeConfig::graft_timeout_1`]: crate::proto::PlumtreeConfig::graft_timeout_1
    pub missing_messages_per_peer: usize,

    /// Peers that are remembered for having announced one and the same missing message. Default: 8.
    ///
    /// They are asked for it one after the other. The default is more than the five neighbors of
    /// the default configuration.
    pub advertisers_per_message: usize,
}

impl Default for GossipLimits {
    fn default() -> Self {
        Self {
            missing_messages_per_peer: 4096,
            advertisers_per_message: 8,
        }
    }
}
