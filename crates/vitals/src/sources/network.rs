//! Figures of a p2panda node.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use p2panda_net::{Network, NetworkStats, TopicId};
use p2panda_sync::TopicQuery;
use tracing::debug;

use super::{Source, SourceError, Told, quic};
use crate::metric::{Column, read};

/// A node, which is held until it has ended.
#[derive(Debug)]
pub(crate) struct Held<T>(Arc<Mutex<Option<Network<T>>>>);

impl<T> Held<T>
where
    T: TopicQuery + TopicId + 'static,
{
    pub fn new(network: Network<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(network))))
    }

    fn get(&self) -> Option<Network<T>> {
        self.lock().clone()
    }

    fn let_go(&self) {
        // Dropped after the lock.
        let _ended = self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Network<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the node keep less. One that has ended keeps nothing that could go.
    pub async fn shrink(self) {
        if let Some(network) = self.get()
            && let Err(error) = network.shrink().await
        {
            debug!("the node did not shrink: {error}");
        }
    }

    async fn told(self) -> Told {
        let Some(network) = self.get() else {
            return Err(SourceError::Ended("it was let go of".into()));
        };
        let error = match network.stats().await {
            Ok(stats) => {
                let mut told = read(TABLE, &stats);
                told.extend(quic::readings("node", &quic::of_network(&network)));
                return Ok(told);
            }
            Err(error) => error,
        };
        Err(match network.ended() {
            Some(ended) => {
                self.let_go();
                SourceError::Ended(ended.to_string())
            }
            None => SourceError::Failed(error.to_string()),
        })
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

pub(crate) fn source<T>(held: Held<T>) -> Source
where
    T: TopicQuery + TopicId + 'static,
{
    let metrics = [super::metrics(TABLE), quic::metrics()].concat();
    Source::new("network", metrics, move || held.clone().told())
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
    )
    .limit(|s| Some(s.streams.streams_max as f64)),
    Net::counter(
        "streams.refused",
        "Subscriptions refused because there were as many as may be.",
        |s| s.streams.refused as f64,
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
    Net::gauge(
        "sync.accepted",
        "Sync sessions that peers have begun.",
        |s| s.sync.accepted as f64,
    )
    .limit(|s| (s.sync.accepted_max > 0).then_some(s.sync.accepted_max as f64)),
    Net::gauge(
        "sync.stalled_sessions",
        "Sync sessions that wait for the application to read.",
        |s| s.sync.stalled_sessions as f64,
    ),
    Net::counter(
        "sync.refused_sessions",
        "Sync sessions of peers refused because there were as many as may be.",
        |s| s.sync.refused_sessions as f64,
    ),
    Net::counter(
        "sync.overdue_sessions",
        "Sync sessions of peers that were cut off because they took too long.",
        |s| s.sync.overdue_sessions as f64,
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
    Net::gauge(
        "gossip.overlays",
        "Overlays that the node is in or wants to be in.",
        |s| s.gossip.overlays as f64,
    ),
    Net::gauge(
        "gossip.neighbours",
        "Neighbours, once for each overlay.",
        |s| s.gossip.neighbours as f64,
    ),
    Net::gauge(
        "gossip.passive_peers",
        "Peers that could become neighbours, once for each overlay.",
        |s| s.gossip.passive_peers as f64,
    ),
    Net::gauge(
        "gossip.peer_data_bytes",
        "Bytes of what these peers told about themselves.",
        |s| s.gossip.peer_data_bytes as f64,
    ),
    Net::gauge(
        "gossip.message_ids",
        "Ids of received messages, by which one is told that comes again.",
        |s| s.gossip.message_ids as f64,
    )
    .limit(|s| each_overlay(s, s.gossip.message_ids_max)),
    Net::gauge(
        "gossip.payloads",
        "Messages that are kept for neighbours that missed them.",
        |s| s.gossip.payloads as f64,
    ),
    Net::gauge("gossip.payload_bytes", "Bytes of these messages.", |s| {
        s.gossip.payload_bytes as f64
    })
    .limit(|s| each_overlay(s, s.gossip.payload_bytes_max)),
    Net::gauge(
        "gossip.missing_messages",
        "Messages that were announced and have not come yet.",
        |s| s.gossip.missing_messages as f64,
    ),
    Net::gauge(
        "gossip.queued_announcements",
        "Announcements that wait to be sent.",
        |s| s.gossip.queued_announcements as f64,
    ),
    Net::gauge(
        "gossip.connected_peers",
        "Peers with a gossip connection: agrees with the connections, but while one replaces another.",
        |s| s.gossip.connected_peers as f64,
    ),
    Net::gauge("gossip.connections", "Gossip connections.", |s| {
        s.gossip.connections as f64
    }),
    Net::gauge(
        "gossip.queued_messages",
        "Messages that wait to be sent on gossip connections.",
        |s| s.gossip.queued_messages as f64,
    ),
    Net::gauge(
        "gossip.dials",
        "Peers that gossip dials, wants to dial, or waits a while to dial again.",
        |s| s.gossip.dials as f64,
    )
    .limit(|s| Some(s.gossip.dials_max as f64)),
    Net::gauge(
        "gossip.pending_messages",
        "Messages that wait for one of these peers to be connected.",
        |s| s.gossip.pending_messages as f64,
    ),
    Net::gauge("gossip.pending_bytes", "Bytes of these messages.", |s| {
        s.gossip.pending_bytes as f64
    }),
    Net::gauge("queues.engine", "Messages that wait for the engine.", |s| {
        s.queues.engine as f64
    })
    .limit(|s| Some(s.queues.engine_max as f64)),
    Net::gauge(
        "queues.gossip",
        "Messages that wait for the gossip actor.",
        |s| s.queues.gossip as f64,
    )
    .limit(|s| Some(s.queues.gossip_max as f64)),
    Net::gauge(
        "queues.sync",
        "Messages that wait for the sync actor.",
        |s| s.queues.sync as f64,
    )
    .limit(|s| (s.queues.sync_max > 0).then_some(s.queues.sync_max as f64)),
];

fn each_overlay(stats: &NetworkStats, of_one: usize) -> Option<f64> {
    let overlays = stats.gossip.overlays;
    (overlays > 0).then_some(overlays as f64 * of_one as f64)
}

fn each_stream(stats: &NetworkStats, of_one: usize) -> Option<f64> {
    let streams = stats.delivery.stalled_streams;
    (streams > 0).then_some(streams as f64 * of_one as f64)
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
