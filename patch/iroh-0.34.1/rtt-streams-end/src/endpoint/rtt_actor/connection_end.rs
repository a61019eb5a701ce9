//! Tells when a connection is gone, without keeping it.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use n0_future::{ready, Stream};
use tokio_stream::wrappers::WatchStream;

/// Completes once nothing but weak handles is left of a connection.
///
/// Cancel-safe, and completes again when it is polled after that.
#[derive(Debug)]
pub(in crate::endpoint) struct ConnectionEnd {
    /// Its sending half is part of the connection's state, and is dropped with it.
    observed_addrs: WatchStream<Option<SocketAddr>>,
}

impl ConnectionEnd {
    pub(in crate::endpoint) fn of(connection: &quinn::Connection) -> Self {
        Self {
            observed_addrs: WatchStream::from_changes(connection.observed_external_addr()),
        }
    }
}

impl Future for ConnectionEnd {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while ready!(Pin::new(&mut self.observed_addrs).poll_next(cx)).is_some() {}
        Poll::Ready(())
    }
}
