//! The end of an endpoint's driver: idle, failed, aborted or panicked

use bytes::BytesMut;

use super::State;
use crate::closed_sender::ClosedSender;

impl State {
    /// Free what only a driver needs, as handles to the endpoint may live on
    ///
    /// The socket stays for as long as they do: whoever made it may watch it, and take its end for theirs.
    pub(super) fn driver_ended(&mut self) {
        self.driver_lost = true;
        for incoming in self.recv_state.incoming.drain(..) {
            self.inner.ignore(incoming);
        }
        self.events.close();
        while self.events.try_recv().is_ok() {}
        self.sender = Box::pin(ClosedSender);
        self.prev_socket = None;
        self.recv_state.recv_buf = Box::default();
        self.recv_state.datagrams = BytesMut::new();
        self.incoming_timer = None;
        self.driver = None;
    }
}
