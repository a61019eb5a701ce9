//! Figures of an endpoint of quinn or iroh-quinn: twins, whose types have nothing but their fields in common.

use super::{Source, metrics};
use crate::metric::{Column, read};

/// What both families tell.
pub(crate) struct Endpoint {
    accepted: u64,
    outgoing: u64,
    refused: u64,
    ignored: u64,
    pending: usize,
    queued: usize,
    first_datagram_bytes: u64,
    buffer_bytes: u64,
    oldest_age: f64,
    expired: u64,
    reclaimed: u64,
    initials_ignored: u64,
    open_connections: usize,
}

/// An endpoint; it is held for as long as the watch runs.
pub(crate) fn source(
    family: &'static str,
    ask: impl Fn() -> Endpoint + Send + Sync + 'static,
) -> Source {
    Source::new(family, metrics(TABLE), move || {
        let told = read(TABLE, &ask());
        let told = told
            .into_iter()
            .map(|reading| reading.label("family", family))
            .collect();
        async move { Ok(told) }
    })
}

macro_rules! endpoint_of {
    ($name:ident, $endpoint:ty) => {
        pub(crate) fn $name(endpoint: &$endpoint) -> Endpoint {
            let stats = endpoint.stats();
            Endpoint {
                accepted: stats.accepted_handshakes,
                outgoing: stats.outgoing_handshakes,
                refused: stats.refused_handshakes,
                ignored: stats.ignored_handshakes,
                pending: stats.pending_incoming,
                queued: stats.queued_incoming,
                first_datagram_bytes: stats.incoming_first_datagram_bytes,
                buffer_bytes: stats.incoming_buffer_bytes,
                oldest_age: stats.oldest_incoming_age.unwrap_or_default().as_secs_f64(),
                expired: stats.incoming_expired,
                reclaimed: stats.incoming_reclaimed,
                initials_ignored: stats.initials_ignored,
                open_connections: endpoint.open_connections(),
            }
        }
    };
}

#[cfg(feature = "quinn")]
endpoint_of!(of_quinn, quinn::Endpoint);
#[cfg(feature = "iroh-quinn")]
endpoint_of!(of_iroh_quinn, iroh_quinn::Endpoint);

type Quic = Column<Endpoint>;

pub(crate) static TABLE: &[Quic] = &[
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
    ),
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
    ),
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
