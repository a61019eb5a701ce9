//! What stands in for a socket that nothing will be sent on or received from any more
//!
//! A handle to a closed endpoint or connection may live for long. With this in its place the socket
//! itself, and its port, need not.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use udp::{RecvMeta, Transmit};

use crate::runtime::{AsyncUdpSocket, UdpPoller};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClosedSocket {
    /// Where the socket was bound, for those who ask afterwards
    local_addr: Option<SocketAddr>,
}

impl ClosedSocket {
    pub(crate) fn of(socket: &dyn AsyncUdpSocket) -> Self {
        Self {
            local_addr: socket.local_addr().ok(),
        }
    }
}

impl AsyncUdpSocket for ClosedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(*self)
    }

    fn try_send(&self, _transmit: &Transmit) -> io::Result<()> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn poll_recv(
        &self,
        _cx: &mut Context,
        _bufs: &mut [IoSliceMut<'_>],
        _meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl UdpPoller for ClosedSocket {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
