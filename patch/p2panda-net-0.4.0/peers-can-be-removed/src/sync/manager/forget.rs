// SPDX-License-Identifier: MIT OR Apache-2.0

//! Forgets the sync scopes of peers that have left the address book.
//!
//! The address book is asked, under a lock that nobody holds across an await. So neither does the
//! engine wait for the sync actor here, nor the other way around.

use std::future::pending;

use p2panda_sync::TopicQuery;
use tokio::time::Duration;

use crate::engine::AddressBook;

use super::{Attempt, Scope, Status, SyncActor};

/// How long it is remembered that we have synced with a peer that is not in the address book.
///
/// As long as a peer stays in the book by default. In a network of more peers than the book holds,
/// peers go in and out with each announcement, and syncing with all of them each time they are back
/// would keep this actor busy for good.
const ABSENT_TTL: Duration = Duration::from_secs(60 * 60);

/// How many scopes are kept of peers that are not in the address book.
///
/// Beyond it all of them go: to sync once more with a peer is better than to remember all there are.
const ABSENT_MAX: usize = 4096;

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

    /// Removes what is kept of peers who have left the address book: at once of those removed by
    /// request, else when it is outdated. Costs a walk over it.
    ///
    /// That includes attempts that are queued. A discovery that was sent before its peer left, and
    /// is read after, is undone by the next sweep of the book.
    pub(super) async fn forget_departed_peers(&mut self) {
        let Some(address_book) = &self.address_book else {
            return;
        };
        let peers = self.sessions.keys().map(|scope| scope.peer);
        let departed = address_book.departed(peers).await;

        let is_absent = |scope: &Scope<T>| departed.absent.contains(&scope.peer);
        let outlasting = self.sessions.iter();
        let outlasting = outlasting.filter(|(scope, it)| is_absent(scope) && it.outlasts_absence());
        let is_full = outlasting.count() > ABSENT_MAX;
        self.sessions.retain(|scope, attempt| {
            !departed.removed.contains(&scope.peer)
                && (!is_absent(scope) || (attempt.outlasts_absence() && !is_full))
        });
        for queue in [&mut self.resync_queue, &mut self.retry_queue] {
            queue.retain(|scope| self.sessions.contains_key(scope));
        }
        self.unqueue_forgotten();
    }

    /// Takes attempts out of the queue whose scope is gone.
    ///
    /// Left there they would stand beside those of the same scope when it is discovered again, time
    /// after time while this actor dials: a full queue waits for its own reader, for ever.
    fn unqueue_forgotten(&mut self) {
        for _ in 0..self.sync_queue_rx.len() {
            let Ok(scope) = self.sync_queue_rx.try_recv() else {
                break;
            };
            if self.sessions.contains_key(&scope) {
                // There is room: one has just been taken out, and nobody else sends.
                self.sync_queue_tx.try_send(scope).ok();
            }
        }
    }
}

impl Attempt {
    /// Whether a scope stays while its peer is not in the address book: it waits for its turn, or
    /// has been synced not long ago. Announcements of any key pair lead here, so failures go.
    fn outlasts_absence(&self) -> bool {
        match self.status {
            Status::Pending | Status::Active => true,
            Status::Complete(completion) => completion.elapsed() < ABSENT_TTL,
            Status::Failed(_) => false,
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
    use tokio::time::{Duration, Instant, advance, pause, timeout};
    use tokio_util::sync::CancellationToken;

    use crate::SyncConfiguration;
    use crate::engine::{AddressBook, ToEngineActor};
    use crate::sync::manager::{Attempt, Scope, Status, ToSyncActor};

    use super::{ABSENT_MAX, ABSENT_TTL, SyncActor};

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
        for peer in [removed, stays, removed] {
            book.add_topic_id(peer, CHAT).await;
            actor.sync_queue_tx.try_send(scope(peer)).unwrap();
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
        assert_eq!(actor.sync_queue_rx.try_recv(), Ok(scope(stays)));
        assert!(actor.sync_queue_rx.is_empty());
        assert_eq!(actor.resync_queue, [scope(stays)]);
        assert_eq!(actor.retry_queue, [scope(stays)]);
    }

    #[tokio::test]
    async fn a_peer_that_is_not_in_the_book_is_not_synced_with_anew_for_an_hour() {
        let Setup { mut actor, .. } = setup().await;
        let [waits, synced, failed] = [(); 3].map(|()| PrivateKey::new().public_key());
        let now = Instant::now();
        for (peer, status) in [
            (waits, Status::Pending),
            (synced, Status::Complete(now)),
            (failed, Status::Failed(now)),
        ] {
            let attempt = Attempt {
                status,
                attempts: 0,
            };
            actor.sessions.insert(scope(peer), attempt);
            actor.resync_queue.push_back(scope(peer));
        }
        let peers = |actor: &SyncActor<SyncTestTopic>| -> HashSet<_> {
            actor.sessions.keys().map(|scope| scope.peer).collect()
        };

        actor.forget_departed_peers().await;
        assert_eq!(peers(&actor), HashSet::from([waits, synced]));
        assert_eq!(actor.resync_queue, [scope(waits), scope(synced)]);

        pause();
        advance(ABSENT_TTL).await;
        actor.forget_departed_peers().await;
        assert_eq!(peers(&actor), HashSet::from([waits]));
    }

    #[tokio::test]
    async fn the_scopes_of_peers_that_are_not_in_the_book_have_a_bound() {
        let Setup { mut actor, .. } = setup().await;
        let peer = PrivateKey::new().public_key();
        for topic in 0..=ABSENT_MAX {
            let scope = Scope::new(peer, SyncTestTopic::new(&topic.to_string()));
            actor.sessions.insert(scope, Attempt::new());
        }

        actor.forget_departed_peers().await;
        assert_eq!(actor.sessions.len(), 0);
    }

    #[tokio::test]
    async fn an_attempt_whose_peer_was_removed_is_not_made_and_one_announced_later_is() {
        let Setup {
            mut actor,
            inbox,
            mut to_engine,
            mut book,
        } = setup().await;
        let (removed, announced) = (
            PrivateKey::new().public_key(),
            PrivateKey::new().public_key(),
        );
        actor.sync_queue_tx.send(scope(removed)).await.unwrap();
        actor.sessions.insert(scope(removed), Attempt::new());
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
