//! What stands in for a socket that nothing will be sent on or received from any more
//!
//! A handle to a closed endpoint or connection may live for long. With this in its place the socket
//! itself, and its port, need not.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use udp::{RecvMeta, Transmit};

use crate::runtime::{AsyncUdpSocket, UdpSender};

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
    fn create_sender(&self) -> Pin<Box<dyn UdpSender>> {
        Box::pin(*self)
    }

    fn poll_recv(
        &mut self,
        _cx: &mut Context<'_>,
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

impl UdpSender for ClosedSocket {
    fn poll_send(
        self: Pin<&mut Self>,
        _transmit: &Transmit<'_>,
        _cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}
