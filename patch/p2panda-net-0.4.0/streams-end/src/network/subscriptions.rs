// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the application ends subscriptions, and hears that they ended.

use anyhow::Result;
use p2panda_sync::TopicQuery;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::engine::NewStream;
use crate::{Notice, TopicId};

use super::{FromNetwork, Network, ToNetwork};

/// Messages that each channel of a subscription holds, as those of `Network::subscribe` do.
const CHANNEL_MESSAGES: usize = 128;

/// A subscription to a topic that ends with its guard.
#[derive(Debug)]
#[non_exhaustive]
pub struct Subscription {
    /// Names this subscription to `Network::unsubscribe` and in notices.
    pub id: SubscriptionId,

    /// Takes what is to be published. Closed once the subscription has ended.
    pub tx: mpsc::Sender<ToNetwork>,

    /// Gives what was received. Ends with the subscription, after what was received before.
    pub rx: mpsc::Receiver<FromNetwork>,

    /// Resolves once the gossip overlay of the topic is joined: at once if it already is, with an
    /// error if the subscription ends before.
    pub ready: oneshot::Receiver<()>,

    /// Ends the subscription when it is dropped.
    pub guard: SubscriptionGuard,
}

/// Identifies a subscription of one [`Network`]. It is never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub(crate) usize);

/// Ends a subscription when it is dropped, whoever still holds the halves of its channels.
///
/// What was handed to them before is still published.
#[derive(Debug)]
#[must_use = "the subscription ends when its guard is dropped"]
pub struct SubscriptionGuard {
    _stop: DropGuard,
}

impl<T> Network<T>
where
    T: TopicQuery + TopicId + 'static,
{
    /// Subscribes to a topic as [`Network::subscribe`] does, with a name and a guard.
    ///
    /// Either way a subscription ends when both halves of its channels, `tx` and `rx`, were
    /// dropped: who only publishes may drop `rx`, who only reads may drop `tx`. This one also ends
    /// when its guard is dropped, or by [`Network::unsubscribe`].
    ///
    /// With the last subscription to topics of one id the node leaves their gossip overlay
    /// (`SystemEvent::GossipLeft`, also where it was not joined yet), with the last to a topic it forgets with whom it has synced
    /// that topic. A sync session that is running comes to its end; what it brings is dropped.
    ///
    /// Fails if the network was shut down. Cancel safe: the subscription is then ended.
    pub async fn subscribe_guarded(&self, topic: T) -> Result<Subscription> {
        let (tx, to_network_rx) = mpsc::channel(CHANNEL_MESSAGES);
        let (from_network_tx, rx) = mpsc::channel(CHANNEL_MESSAGES);
        let (gossip_ready_tx, ready) = oneshot::channel();
        let stop = CancellationToken::new();
        let guard = SubscriptionGuard {
            _stop: stop.clone().drop_guard(),
        };

        let stream = NewStream {
            topic,
            to_network_rx,
            from_network_tx,
            gossip_ready_tx,
            stop,
        };
        Ok(Subscription {
            id: self.inner.engine.subscribe_with_id(stream).await?,
            tx,
            rx,
            ready,
            guard,
        })
    }

    /// Ends a subscription, and returns whether there was one. Doing it twice does no harm.
    ///
    /// When this returns, `tx` is closed and what was sent before is on its way to the peers.
    ///
    /// Fails if the network was shut down. Cancel safe: the subscription has then ended or not.
    pub async fn unsubscribe(&self, id: SubscriptionId) -> Result<bool> {
        self.inner.engine.unsubscribe(id).await
    }

    /// Returns a receiver of all notices from now on.
    ///
    /// A receiver that lies more than 128 notices behind misses the oldest, and is told how many.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.inner.engine.notices()
    }
}
