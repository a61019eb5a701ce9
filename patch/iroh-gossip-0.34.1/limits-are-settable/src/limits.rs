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
/// limits.message_ids_per_topic = 1_000_000;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GossipLimits {
    /// Ids of received messages that are remembered for each topic. Default: 100,000, which take
    /// about 13 MB.
    ///
    /// An id is what tells a message that comes a second time. It is kept for
    /// [`PlumtreeConfig::message_id_retention`]; beyond this number the oldest go earlier. The
    /// default is what passes in the default 90 seconds at 1,100 messages a second. It must
    /// not be smaller than the number of messages that are on their way in the swarm at one time:
    /// a message that comes after its id was forgotten is delivered and forwarded once more.
    ///
    /// [`PlumtreeConfig::message_id_retention`]: crate::proto::PlumtreeConfig::message_id_retention
    pub message_ids_per_topic: usize,

    /// Bytes of messages that are kept for each topic, to answer peers that missed one. Default:
    /// 16 MiB.
    ///
    /// Messages are kept for [`PlumtreeConfig::message_cache_retention`]; beyond this size, which
    /// counts what it takes to keep a message too, the oldest go earlier. A peer asks for a message
    /// it missed within a fraction of a second, so the default suffices for tens of megabytes a
    /// second. A peer that asks for a message that went does not get it from this node.
    ///
    /// [`PlumtreeConfig::message_cache_retention`]: crate::proto::PlumtreeConfig::message_cache_retention
    pub payload_bytes_per_topic: usize,

    /// Messages that each neighbor may have announced for a topic without our having received them.
    /// Default: 1024. All peers that are not neighbors share one such allowance.
    ///
    /// What is announced beyond is not asked for. A message is usually received, or asked for in
    /// vain, within [`PlumtreeConfig::graft_timeout_1`] after it was announced, so the default
    /// suffices for more than 10,000 messages a second.
    ///
    /// [`PlumtreeConfig::graft_timeout_1`]: crate::proto::PlumtreeConfig::graft_timeout_1
    pub missing_messages_per_peer: usize,

    /// Peers that are remembered for having announced one and the same missing message. Default: 8.
    ///
    /// They are asked for it one after the other. The default is more than the five neighbors of
    /// the default configuration.
    pub advertisers_per_message: usize,

    /// Peers that are taken from one shuffle, or from the reply to one. Default: 8.
    ///
    /// Where the own configuration sends more, as many as that are taken. By default it sends
    /// [`HyparviewConfig::shuffle_active_view_count`] and
    /// [`HyparviewConfig::shuffle_passive_view_count`], seven together.
    ///
    /// [`HyparviewConfig::shuffle_active_view_count`]: crate::proto::HyparviewConfig::shuffle_active_view_count
    /// [`HyparviewConfig::shuffle_passive_view_count`]: crate::proto::HyparviewConfig::shuffle_passive_view_count
    pub shuffle_nodes: usize,

    /// Bytes of [`PeerData`] that are accepted of a peer. Default: 1024. Larger data is ignored, the
    /// peer is not.
    ///
    /// The default has room for the addresses of 40 network interfaces and a relay.
    ///
    /// [`PeerData`]: crate::proto::PeerData
    pub peer_data_bytes: usize,
}

impl Default for GossipLimits {
    fn default() -> Self {
        Self {
            message_ids_per_topic: 100_000,
            payload_bytes_per_topic: 16 * 1024 * 1024,
            missing_messages_per_peer: 1024,
            advertisers_per_message: 8,
            shuffle_nodes: 8,
            peer_data_bytes: 1024,
        }
    }
}
