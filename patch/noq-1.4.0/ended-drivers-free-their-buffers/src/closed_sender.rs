//! What stands in for a sender that nothing will be sent by any more
//!
//! A handle to a closed endpoint or connection may live for long. With this in its place what a sender
//! holds of its socket, and of its queue, need not.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use udp::Transmit;

use crate::runtime::UdpSender;

#[derive(Debug)]
pub(crate) struct ClosedSender;

impl UdpSender for ClosedSender {
    fn poll_send(
        self: Pin<&mut Self>,
        _transmit: &Transmit<'_>,
        _cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}
