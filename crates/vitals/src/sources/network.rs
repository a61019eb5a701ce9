//! Figures of a p2panda node.

use p2panda_net::{Network, NetworkStats, TopicId};
use p2panda_sync::TopicQuery;

use super::{Source, SourceError, metrics};
use crate::metric::{Column, read};

/// A node. It is held until it has ended, and then let go of.
pub(crate) fn source<T>(network: Network<T>) -> Source
where
    T: TopicQuery + TopicId + 'static,
{
    Source::new("network", metrics(TABLE), move || {
        let network = network.clone();
        async move {
            match network.stats().await {
                Ok(stats) => Ok(read(TABLE, &stats)),
                Err(error) => Err(match network.ended() {
                    Some(ended) => SourceError::Ended(ended.to_string()),
                    None => SourceError::Failed(error.to_string()),
                }),
            }
        }
    })
}

type Net = Column<NetworkStats>;

pub(crate) static TABLE: &[Net] = &[
    Net::gauge("address_book.peers", "Known peers.", |s| {
        s.address_book.peers as f64
    })
    .limit(|s| Some(s.address_book.peers_max as f64)),
    Net::gauge(
        "address_book.peers_announced",
        "Known peers that have only announced topics.",
        |s| s.address_book.peers_announced as f64,
    ),
    Net::gauge(
        "address_book.peers_discovered",
        "Known peers found by a discovery service or met as a neighbour.",
        |s| s.address_book.peers_discovered as f64,
    ),
    Net::gauge(
        "address_book.peers_added",
        "Known peers that the application added.",
        |s| s.address_book.peers_added as f64,
    ),
    Net::gauge(
        "address_book.peers_configured",
        "Known peers that the node was built with.",
        |s| s.address_book.peers_configured as f64,
    ),
    Net::gauge(
        "address_book.neighbours",
        "Direct neighbours in all gossip overlays.",
        |s| s.address_book.neighbours as f64,
    ),
    Net::gauge("address_book.addresses", "Addresses of known peers.", |s| {
        s.address_book.addresses as f64
    }),
    Net::gauge(
        "address_book.topics",
        "Topics of known peers, each counted once a peer.",
        |s| s.address_book.topics as f64,
    ),
    Net::gauge(
        "address_book.oldest_age_seconds",
        "Time since that peer was seen which is the first to expire.",
        |s| seconds(s.address_book.oldest_age_ms),
    ),
    Net::counter(
        "address_book.expired",
        "Peers forgotten because they were not seen for their time to live.",
        |s| s.address_book.expired as f64,
    ),
    Net::counter(
        "address_book.refused",
        "Newcomers dropped because every known peer was more trusted.",
        |s| s.address_book.refused as f64,
    ),
    Net::counter(
        "address_book.evicted_announced",
        "Peers with announcements only that made room.",
        |s| s.address_book.evicted_announced as f64,
    ),
    Net::counter(
        "address_book.evicted_discovered",
        "Discovered peers that made room.",
        |s| s.address_book.evicted_discovered as f64,
    ),
    Net::counter(
        "address_book.evicted_added",
        "Peers added by the application that made room.",
        |s| s.address_book.evicted_added as f64,
    ),
    Net::counter(
        "address_book.evicted_addresses",
        "Addresses that made room for a newer one of the same peer.",
        |s| s.address_book.evicted_addresses as f64,
    ),
    Net::counter(
        "address_book.evicted_topics",
        "Topics that made room for a newer one of the same peer.",
        |s| s.address_book.evicted_topics as f64,
    ),
    Net::counter(
        "address_book.dropped_sockets",
        "Socket addresses dropped because their address had too many.",
        |s| s.address_book.dropped_sockets as f64,
    ),
    Net::gauge(
        "streams.active",
        "Subscriptions that have not ended.",
        |s| s.streams.streams as f64,
    ),
    Net::gauge("streams.topics", "Topics that are subscribed to.", |s| {
        s.streams.topics as f64
    }),
    Net::gauge(
        "streams.overlays_wanted",
        "Topic ids that are subscribed to: agrees with the overlays joined and pending.",
        |s| s.streams.topic_ids as f64,
    ),
    Net::gauge(
        "streams.overlays_joined",
        "Overlays that are joined.",
        |s| s.streams.joined as f64,
    ),
    Net::gauge(
        "streams.overlays_pending",
        "Overlays that are yet to be joined.",
        |s| s.streams.pending as f64,
    ),
    Net::gauge(
        "streams.overlays_leaving",
        "Overlays that were left, which gossip has not confirmed yet.",
        |s| s.streams.leaving as f64,
    ),
    Net::gauge(
        "streams.waiting",
        "Subscriptions that wait to hear that their overlay is joined.",
        |s| s.streams.waiting as f64,
    ),
    Net::gauge(
        "delivery.stalled_streams",
        "Subscriptions whose application does not keep up.",
        |s| s.delivery.stalled_streams as f64,
    ),
    // The bound is one stream's, so it is multiplied by those that have anything waiting.
    Net::gauge(
        "delivery.gossip_messages",
        "Gossip messages that wait for the application.",
        |s| s.delivery.waiting_gossip as f64,
    )
    .limit(|s| each_stream(s, s.delivery.waiting_gossip_max)),
    Net::gauge(
        "delivery.gossip_bytes",
        "Bytes of the gossip messages that wait for the application.",
        |s| s.delivery.waiting_gossip_bytes as f64,
    )
    .limit(|s| each_stream(s, s.delivery.waiting_gossip_bytes_max)),
    Net::gauge(
        "delivery.synced_messages",
        "Messages of sync sessions that wait for the application.",
        |s| s.delivery.waiting_synced as f64,
    ),
    Net::gauge(
        "delivery.synced_bytes",
        "Bytes of the messages of sync sessions that wait for the application.",
        |s| s.delivery.waiting_synced_bytes as f64,
    ),
    Net::counter(
        "delivery.dropped_gossip",
        "Gossip messages that an application lost because it did not keep up.",
        |s| s.delivery.dropped_gossip as f64,
    ),
    Net::gauge(
        "gossip_buffer.buffers",
        "Buffers that hold gossip back during a sync session.",
        |s| s.gossip_buffers.buffers as f64,
    ),
    Net::gauge(
        "gossip_buffer.locks",
        "Locks that sync sessions hold on them.",
        |s| s.gossip_buffers.locks as f64,
    ),
    Net::gauge("gossip_buffer.messages", "Messages held back.", |s| {
        s.gossip_buffers.messages as f64
    }),
    Net::gauge(
        "gossip_buffer.bytes",
        "Bytes of the messages held back.",
        |s| s.gossip_buffers.bytes as f64,
    )
    .limit(|s| Some(s.gossip_buffers.bytes_max as f64)),
    Net::gauge(
        "gossip_buffer.oldest_age_seconds",
        "Time for which the oldest buffer holds messages back.",
        |s| seconds(s.gossip_buffers.oldest_age_ms),
    ),
    Net::counter(
        "gossip_buffer.released_full",
        "Buffers that let go of their messages early because they were full.",
        |s| s.gossip_buffers.released_full as f64,
    ),
    Net::counter(
        "gossip_buffer.released_overdue",
        "Buffers that let go of their messages early because a session took too long.",
        |s| s.gossip_buffers.released_overdue as f64,
    ),
    Net::gauge(
        "inbound.connections",
        "Connections that peers have opened.",
        |s| s.inbound.connections as f64,
    )
    .limit(|s| Some(s.inbound.connections_max as f64)),
    Net::gauge(
        "inbound.established",
        "Those of them whose handshake is complete.",
        |s| s.inbound.established as f64,
    ),
    Net::gauge(
        "inbound.oldest_age_seconds",
        "Time since the oldest of them came in.",
        |s| seconds(s.inbound.oldest_age_ms),
    ),
    Net::counter(
        "inbound.evicted",
        "Inbound connections that made room for another.",
        |s| s.inbound.evicted as f64,
    ),
    Net::counter(
        "inbound.refused",
        "Inbound connections refused because all there were served somebody.",
        |s| s.inbound.refused as f64,
    ),
    Net::counter(
        "inbound.stalled",
        "Inbound connections closed because their handshake took too long.",
        |s| s.inbound.stalled as f64,
    ),
    Net::counter(
        "inbound.idle",
        "Inbound connections closed because they were idle.",
        |s| s.inbound.idle as f64,
    ),
    Net::gauge(
        "sync.scopes",
        "Pairs of a peer and a topic that sync remembers.",
        |s| s.sync.scopes as f64,
    )
    .limit(|s| (s.sync.scopes_max > 0).then_some(s.sync.scopes_max as f64)),
    Net::gauge("sync.queued", "Those that wait for a session.", |s| {
        s.sync.queued as f64
    }),
    Net::gauge(
        "sync.initiated",
        "Sync sessions that this node has begun.",
        |s| s.sync.initiated as f64,
    ),
    Net::counter(
        "sync.expired_scopes",
        "Pairs forgotten some time after their last attempt had failed.",
        |s| s.sync.expired_scopes as f64,
    ),
    Net::counter("sync.evicted_scopes", "Pairs that made room.", |s| {
        s.sync.evicted_scopes as f64
    }),
    Net::counter(
        "sync.refused_scopes",
        "Pairs dropped because none could make room.",
        |s| s.sync.refused_scopes as f64,
    ),
];

fn each_stream(stats: &NetworkStats, of_one: usize) -> Option<f64> {
    let streams = stats.delivery.stalled_streams;
    (streams > 0).then_some(streams as f64 * of_one as f64)
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
