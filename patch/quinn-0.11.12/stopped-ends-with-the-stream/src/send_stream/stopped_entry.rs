//! The place that whoever waits for a stream to be stopped has in the connection

use std::{collections::hash_map::Entry, sync::Arc};

use proto::StreamId;
use tokio::sync::{futures::Notified, Notify};

use crate::connection::{ConnectionRef, State};

/// A share of the entry that is notified once the stream is stopped or closed
///
/// The entry goes with the last of those who share it.
pub(super) struct StoppedEntry<'a> {
    conn: &'a ConnectionRef,
    stream: StreamId,
    /// Always set to Some before the drop
    notify: Option<Arc<Notify>>,
}

impl<'a> StoppedEntry<'a> {
    pub(super) fn new(conn: &'a ConnectionRef, state: &mut State, stream: StreamId) -> Self {
        // Fails for a closed stream, which nobody waits for.
        let _ = state.inner.send_stream(stream).report_reset_acked();
        let notify = state.stopped.entry(stream).or_default().clone();
        Self {
            conn,
            stream,
            notify: Some(notify),
        }
    }

    pub(super) fn notified(&self) -> Notified<'_> {
        let notify = self.notify.as_ref();
        notify.expect("set until the drop").notified()
    }
}

impl Drop for StoppedEntry<'_> {
    fn drop(&mut self) {
        let mut state = self.conn.state.lock("StoppedEntry::drop");
        // With the lock held, so that of two who leave at once the second finds nobody else.
        self.notify = None;
        if let Entry::Occupied(entry) = state.stopped.entry(self.stream) {
            if Arc::strong_count(entry.get()) == 1 {
                entry.remove();
            }
        }
    }
}
