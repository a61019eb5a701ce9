// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tasks that publish what the application sends, one a stream; a stream ends with its task.
//!
//! A publisher waits for its application and for the gossip actor. The engine waits for one only
//! after it was told to stop: then it has no more left to hand over than its channel holds.

use std::collections::HashMap;
use std::future::pending;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::network::{FromNetwork, ToNetwork};

use super::TopicStreamId;

/// A stream that is to be established.
#[derive(Debug)]
pub struct NewStream<T> {
    pub topic: T,
    pub to_network_rx: mpsc::Receiver<ToNetwork>,
    pub from_network_tx: mpsc::Sender<FromNetwork>,
    pub gossip_ready_tx: oneshot::Sender<()>,

    /// Ends the stream when it is cancelled.
    pub stop: CancellationToken,
}

/// All publishers. They end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Publishers {
    tasks: JoinSet<TopicStreamId>,
    stops: HashMap<TopicStreamId, CancellationToken>,

    /// Streams whose publisher has ended.
    closed: Vec<TopicStreamId>,
}

impl Publishers {
    /// Starts the publisher of a stream, which is to end once `stop` is cancelled.
    pub fn spawn(
        &mut self,
        stream_id: TopicStreamId,
        stop: CancellationToken,
        publish: impl Future<Output = ()> + Send + 'static,
    ) {
        self.stops.insert(stream_id, stop);
        self.tasks.spawn(async move {
            publish.await;
            stream_id
        });
    }

    /// Tells a publisher to stop, and waits until it has. Returns false if there is none.
    pub async fn stop(&mut self, stream_id: TopicStreamId) -> bool {
        let Some(stop) = self.stops.remove(&stream_id) else {
            return false;
        };
        stop.cancel();
        while !self.closed.contains(&stream_id) {
            match self.tasks.join_next().await {
                Some(Ok(closed)) => self.closed.push(closed),
                // It is the one that panicked, or it would be waited for too long.
                Some(Err(_)) | None => self.closed.push(stream_id),
            }
        }
        true
    }

    /// Waits until a stream has closed; for ever if there is none. Cancel safe.
    pub async fn closed(&mut self) {
        match self.tasks.join_next().await {
            Some(closed) => self.closed.extend(closed.ok()),
            None => pending().await,
        }
    }

    /// Takes those streams that have closed.
    pub fn take_closed(&mut self) -> Vec<TopicStreamId> {
        while let Some(closed) = self.tasks.try_join_next() {
            self.closed.extend(closed.ok());
        }
        for stream_id in &self.closed {
            self.stops.remove(stream_id);
        }
        std::mem::take(&mut self.closed)
    }
}

/// What an application wants to be published on a stream, for as long as that is open.
pub(super) struct Outgoing {
    pub to_network_rx: mpsc::Receiver<ToNetwork>,

    /// Tells when the application reads no more.
    pub from_network_tx: mpsc::Sender<FromNetwork>,
    pub stop: CancellationToken,
}

impl Outgoing {
    /// The next message; none once the stream was stopped, or the application has let go of it.
    ///
    /// What was sent before a stop is still given. Cancel safe.
    pub async fn recv(&mut self) -> Option<ToNetwork> {
        let message = tokio::select! {
            biased;
            message = self.to_network_rx.recv(), if !self.stop.is_cancelled() => message,
            () = self.stop.cancelled() => {
                self.to_network_rx.close();
                // Not `recv`: it would wait for room that the application has reserved.
                self.to_network_rx.try_recv().ok()
            }
        };
        if message.is_none() {
            // The application publishes no more, but may still read.
            tokio::select! {
                () = self.stop.cancelled() => (),
                () = self.from_network_tx.closed() => (),
            }
        }
        message
    }
}
