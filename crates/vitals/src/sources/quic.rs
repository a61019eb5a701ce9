//! Figures of an endpoint of quinn or iroh-quinn, and of the one that a node stands on: twins, whose types have nothing
//! but their fields in common.

#[cfg(any(feature = "quinn", feature = "iroh-quinn"))]
use super::Source;
use crate::metric::{Column, Metric, Reading, read};

/// What both families tell.
pub(crate) struct Endpoint {
    accepted: u64,
    outgoing: u64,
    refused: u64,
    ignored: u64,
    pending: usize,
    pending_max: Option<f64>,
    queued: usize,
    first_datagram_bytes: u64,
    buffer_bytes: u64,
    buffer_bytes_max: Option<f64>,
    oldest_age: f64,
    expired: u64,
    reclaimed: u64,
    initials_ignored: u64,
    open_connections: usize,
}

/// An endpoint; it is held for as long as the watch runs.
#[cfg(any(feature = "quinn", feature = "iroh-quinn"))]
pub(crate) fn source(
    family: &'static str,
    ask: impl Fn() -> Endpoint + Send + Sync + 'static,
) -> Source {
    Source::new(family, metrics(), move || {
        let told = readings(family, &ask());
        async move { Ok(told) }
    })
}

/// What it can tell.
pub(crate) fn metrics() -> Vec<&'static Metric> {
    super::metrics(TABLE)
}

pub(crate) fn readings(family: &'static str, endpoint: &Endpoint) -> Vec<Reading> {
    let told = read(TABLE, endpoint).into_iter();
    told.map(|reading| reading.label("family", family))
        .collect()
}

macro_rules! told_by {
    ($endpoint:expr) => {{
        let endpoint = $endpoint;
        let stats = endpoint.stats();
        Endpoint {
            accepted: stats.accepted_handshakes,
            outgoing: stats.outgoing_handshakes,
            refused: stats.refused_handshakes,
            ignored: stats.ignored_handshakes,
            pending: stats.pending_incoming,
            pending_max: None,
            queued: stats.queued_incoming,
            first_datagram_bytes: stats.incoming_first_datagram_bytes,
            buffer_bytes: stats.incoming_buffer_bytes,
            buffer_bytes_max: None,
            oldest_age: stats.oldest_incoming_age.unwrap_or_default().as_secs_f64(),
            expired: stats.incoming_expired,
            reclaimed: stats.incoming_reclaimed,
            initials_ignored: stats.initials_ignored,
            open_connections: endpoint.open_connections(),
        }
    }};
}

#[cfg(feature = "quinn")]
pub(crate) fn of_quinn(endpoint: &quinn::Endpoint) -> Endpoint {
    told_by!(endpoint)
}

#[cfg(feature = "iroh-quinn")]
pub(crate) fn of_iroh_quinn(endpoint: &iroh_quinn::Endpoint) -> Endpoint {
    told_by!(endpoint)
}

/// The endpoint that a node stands on. Its bounds are the defaults of `ServerConfig`, as nobody can set others through iroh.
#[cfg(feature = "p2panda")]
pub(crate) fn of_network<T>(network: &p2panda_net::Network<T>) -> Endpoint
where
    T: p2panda_sync::TopicQuery + p2panda_net::TopicId + 'static,
{
    Endpoint {
        pending_max: Some(INCOMING_MAX),
        buffer_bytes_max: Some(INCOMING_BUFFER_BYTES_MAX),
        ..told_by!(network.endpoint())
    }
}

/// Default of `ServerConfig::max_incoming`.
#[cfg(feature = "p2panda")]
const INCOMING_MAX: f64 = 65_536.0;

/// Default of `ServerConfig::incoming_buffer_size_total`.
#[cfg(feature = "p2panda")]
const INCOMING_BUFFER_BYTES_MAX: f64 = 100.0 * 1024.0 * 1024.0;

type Quic = Column<Endpoint>;

static TABLE: &[Quic] = &[
    Quic::gauge("quic.open_connections", "Open connections.", |s| {
        s.open_connections as f64
    }),
    Quic::counter(
        "quic.accepted_handshakes",
        "Connection attempts of others that were accepted.",
        |s| s.accepted as f64,
    ),
    Quic::counter(
        "quic.outgoing_handshakes",
        "Own connection attempts.",
        |s| s.outgoing as f64,
    ),
    Quic::counter(
        "quic.refused_handshakes",
        "Connection attempts of others that were refused.",
        |s| s.refused as f64,
    ),
    Quic::counter(
        "quic.ignored_handshakes",
        "Connection attempts of others that were ignored.",
        |s| s.ignored as f64,
    ),
    Quic::gauge(
        "incoming.pending",
        "Connection attempts that wait for the application's answer.",
        |s| s.pending as f64,
    )
    .limit(|s| s.pending_max),
    Quic::gauge(
        "incoming.queued",
        "Those of them that wait to be accepted.",
        |s| s.queued as f64,
    ),
    Quic::gauge(
        "incoming.first_datagram_bytes",
        "Bytes of the first datagrams of waiting connection attempts.",
        |s| s.first_datagram_bytes as f64,
    ),
    Quic::gauge(
        "incoming.buffer_bytes",
        "Bytes that followed the first datagrams of waiting connection attempts.",
        |s| s.buffer_bytes as f64,
    )
    .limit(|s| s.buffer_bytes_max),
    Quic::gauge(
        "incoming.oldest_age_seconds",
        "Time for which the oldest connection attempt has waited.",
        |s| s.oldest_age,
    ),
    Quic::counter(
        "incoming.expired",
        "Connection attempts that nobody answered in time.",
        |s| s.expired as f64,
    ),
    Quic::counter(
        "incoming.reclaimed",
        "Connection attempts that were dropped without an answer.",
        |s| s.reclaimed as f64,
    ),
    Quic::counter(
        "incoming.initials_ignored",
        "First packets that were turned away for want of room.",
        |s| s.initials_ignored as f64,
    ),
];
