// SPDX-License-Identifier: MIT OR Apache-2.0

//! Forgets the sync scopes of peers that have left the address book.
//!
//! The address book is asked, under a lock that nobody holds across an await. So neither does the
//! engine wait for the sync actor here, nor the other way around.

use std::future::pending;

use p2panda_sync::TopicQuery;

use crate::engine::AddressBook;

use super::SyncActor;

impl<T> SyncActor<T>
where
    T: TopicQuery + 'static,
{
    /// Keeps scopes only of peers that this address book knows.
    pub(crate) fn following(mut self, address_book: AddressBook) -> Self {
        address_book.follow_departures();
        self.address_book = Some(address_book);
        self
    }

    /// Removes whatever is kept of peers who have left the address book. Costs a walk over it.
    ///
    /// An attempt that is already queued finds its scope gone and is not made. A discovery that
    /// was sent before its peer left, and is read after, is undone by the next sweep of the book.
    pub(super) async fn forget_departed_peers(&mut self) {
        let Some(address_book) = &self.address_book else {
            return;
        };
        let peers = self.sessions.keys().map(|scope| scope.peer);
        let departed = address_book.departed(peers).await;

        self.sessions
            .retain(|scope, _| !departed.contains(&scope.peer));
        for queue in [&mut self.resync_queue, &mut self.retry_queue] {
            queue.retain(|scope| !departed.contains(&scope.peer));
        }
    }
}

/// Waits until peers may have left the address book; for ever, if there is none.
///
/// Takes just the one field, as the others are borrowed where this is awaited.
pub(super) async fn departures(address_book: &Option<AddressBook>) {
    match address_book {
        Some(address_book) => address_book.departures().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

    use iroh::{Endpoint, RelayMode};
    use p2panda_core::{PrivateKey, PublicKey};
    use p2panda_sync::test_protocols::{PingPongProtocol, SyncTestTopic};
    use tokio::sync::mpsc;
    use tokio::time::{Duration, timeout};
    use tokio_util::sync::CancellationToken;

    use crate::SyncConfiguration;
    use crate::engine::{AddressBook, ToEngineActor};
    use crate::sync::manager::{Attempt, Scope, ToSyncActor};

    use super::SyncActor;

    const CHAT: [u8; 32] = [2; 32];

    struct Setup {
        actor: SyncActor<SyncTestTopic>,
        inbox: mpsc::Sender<ToSyncActor<SyncTestTopic>>,
        to_engine: mpsc::Receiver<ToEngineActor<SyncTestTopic>>,
        book: AddressBook,
    }

    async fn setup() -> Setup {
        let endpoint = Endpoint::builder()
            .relay_mode(RelayMode::Disabled)
            .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
            .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
            .bind()
            .await
            .unwrap();
        let (engine_tx, to_engine) = mpsc::channel(64);
        let config = SyncConfiguration::new(PingPongProtocol {});
        let (actor, inbox) = SyncActor::new(config, endpoint, engine_tx);
        let book = AddressBook::new([1; 32]);
        Setup {
            actor: actor.following(book.clone()),
            inbox,
            to_engine,
            book,
        }
    }

    fn scope(peer: PublicKey) -> Scope<SyncTestTopic> {
        Scope::new(peer, SyncTestTopic::new("chat"))
    }

    #[tokio::test]
    async fn a_removed_peer_leaves_no_session_and_no_place_in_a_queue() {
        let Setup {
            mut actor,
            mut book,
            ..
        } = setup().await;
        let (removed, stays) = (
            PrivateKey::new().public_key(),
            PrivateKey::new().public_key(),
        );
        for peer in [removed, stays] {
            book.add_topic_id(peer, CHAT).await;
            actor.sessions.insert(scope(peer), Attempt::new());
            actor.resync_queue.push_back(scope(peer));
            actor.retry_queue.push_back(scope(peer));
        }

        // That it is back before the actor gets to it changes nothing.
        book.remove_peers(&[removed]).await;
        book.add_topic_id(removed, CHAT).await;
        super::departures(&actor.address_book).await;
        actor.forget_departed_peers().await;
        actor.forget_departed_peers().await;

        let left: HashSet<_> = actor.sessions.keys().map(|scope| scope.peer).collect();
        assert_eq!(left, HashSet::from([stays]));
        assert_eq!(actor.resync_queue, [scope(stays)]);
        assert_eq!(actor.retry_queue, [scope(stays)]);
    }

    #[tokio::test]
    async fn an_attempt_whose_peer_was_removed_is_not_made_and_one_announced_later_is() {
        let Setup {
            actor,
            inbox,
            mut to_engine,
            mut book,
        } = setup().await;
        let (removed, announced) = (
            PrivateKey::new().public_key(),
            PrivateKey::new().public_key(),
        );
        actor.sync_queue_tx.send(scope(removed)).await.unwrap();
        book.remove_peers(&[removed]).await;

        let token = CancellationToken::new();
        let running = tokio::spawn(actor.run(token.clone()));
        book.add_topic_id(announced, CHAT).await;
        inbox
            .send(ToSyncActor::new_discovery(
                announced,
                SyncTestTopic::new("chat"),
            ))
            .await
            .unwrap();

        // Nobody can be dialled here, so an attempt is seen by its failure.
        let first = timeout(Duration::from_secs(60), to_engine.recv()).await;
        let Ok(Some(ToEngineActor::SyncFailed { peer, .. })) = first else {
            panic!("expected a failed attempt, got {first:?}");
        };
        assert_eq!(peer, announced);
        token.cancel();
        running.await.unwrap().unwrap();
    }
}
