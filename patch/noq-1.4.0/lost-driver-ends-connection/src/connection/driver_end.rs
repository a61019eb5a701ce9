//! The end of a connection's driver: drained, failed, aborted or panicked

use std::mem;

use proto::{EndpointEvent, TransportError, TransportErrorCode};

use super::{Shared, State};

impl State {
    /// Leave nobody waiting for a driver that is gone, and nothing in memory for it
    ///
    /// Runs while a panic unwinds as well, so it only takes apart what the protocol is not asked
    /// about, and asks for no more than figures.
    pub(super) fn driver_ended(&mut self, shared: &Shared) {
        if self.error.is_none() {
            let error = TransportError::new(
                TransportErrorCode::INTERNAL_ERROR,
                "the connection's driver ended early".to_string(),
            );
            self.terminate(error.into(), shared);
        }
        self.forward_endpoint_events();
        self.send_drained();
        self.conn_events.close();
        while self.conn_events.try_recv().is_ok() {}
        self.open_path.clear();
        self.driver = None;
        self.timer = None;
        self.timer_deadline = None;
        self.send_buffer = Vec::new();
        self.buffered_transmit = None;
    }

    /// Tell the endpoint to forget the connection, unless it knows already
    ///
    /// Telling it twice would have it forget a later connection with the same handle.
    pub(super) fn send_drained(&mut self) {
        if !mem::replace(&mut self.drained_sent, true) {
            let event = (self.handle, EndpointEvent::drained());
            // An endpoint without a driver has forgotten all connections.
            let _ = self.endpoint_events.send(event);
        }
    }
}
