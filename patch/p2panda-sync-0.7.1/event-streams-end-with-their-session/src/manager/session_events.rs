// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events of a single sync session, up to the end of that session.
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{Stream, StreamExt};
use p2panda_core::{Extensions, VerifyingKey};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tracing::debug;

use crate::FromSync;
use crate::protocols::TopicLogSyncEvent;

/// What the manager event stream learns from a session.
#[derive(Debug)]
pub(crate) enum SessionOutput<E>
where
    E: Extensions,
{
    Event(FromSync<TopicLogSyncEvent<E>>),

    /// The session has ended, nothing follows.
    Ended(u64),
}

/// Stream over the events of a session.
///
/// The session's protocol holds the only sender of its channel, so the stream ends with it.
pub(crate) struct SessionEvents<E>
where
    E: Extensions,
{
    session_id: u64,
    remote: VerifyingKey,
    /// `None` as soon as the end was reported.
    event_rx: Option<BroadcastStream<TopicLogSyncEvent<E>>>,
}

impl<E> SessionEvents<E>
where
    E: Extensions + Send + 'static,
{
    pub(crate) fn new(
        session_id: u64,
        remote: VerifyingKey,
        event_rx: broadcast::Receiver<TopicLogSyncEvent<E>>,
    ) -> Self {
        Self {
            session_id,
            remote,
            event_rx: Some(BroadcastStream::new(event_rx)),
        }
    }
}

impl<E> Stream for SessionEvents<E>
where
    E: Extensions + Send + 'static,
{
    type Item = SessionOutput<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(event_rx) = self.event_rx.as_mut() else {
                return Poll::Ready(None);
            };

            match ready!(event_rx.poll_next_unpin(cx)) {
                Some(Ok(event)) => {
                    return Poll::Ready(Some(SessionOutput::Event(FromSync {
                        session_id: self.session_id,
                        remote: self.remote,
                        event,
                    })));
                }
                Some(Err(BroadcastStreamRecvError::Lagged(missed))) => {
                    debug!(
                        session_id = self.session_id,
                        missed, "event stream lagged behind session"
                    );
                }
                None => {
                    self.event_rx = None;
                    return Poll::Ready(Some(SessionOutput::Ended(self.session_id)));
                }
            }
        }
    }
}
