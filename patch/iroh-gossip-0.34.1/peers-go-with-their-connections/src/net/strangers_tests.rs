//! What is left of peers that connect and leave, counted in an actor that is driven by hand.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use futures_lite::stream;
use iroh::{RelayMode, SecretKey};
use tokio::time::timeout;

use super::*;

const STRANGERS: usize = 100;

#[tokio::test]
async fn nothing_is_left_of_a_hundred_strangers_that_connected_and_left() {
    let endpoint = endpoint().await;
    let addr = endpoint.node_addr().await.unwrap();
    let (mut actor, to_actor) =
        Actor::new(endpoint.clone(), Default::default(), &Default::default());

    let visits = task::spawn(async move {
        // One endpoint will do: whom a connection belongs to is what the actor is told.
        let stranger = self::endpoint().await;
        for _ in 0..STRANGERS {
            let (theirs, ours) = tokio::join!(stranger.connect(addr.clone(), GOSSIP_ALPN), async {
                endpoint.accept().await.unwrap().await.unwrap()
            });
            let key = SecretKey::generate(rand::thread_rng()).public();
            let visit = ToActor::HandleConnection(key, ConnOrigin::Accept, ours);
            to_actor.send(visit).await.ok().unwrap();
            theirs.unwrap().close(0u32.into(), b"bye");
        }
        to_actor
    });
    run_until(&mut actor, |actor| {
        visits.is_finished() && actor.to_actor_rx.is_empty() && actor.connection_tasks.is_empty()
    })
    .await;

    assert_eq!(actor.peers.len(), 0, "peers that are known");
    visits.await.unwrap();
}

/// Lets the actor take a step at a time until there is nothing more to expect.
async fn run_until(actor: &mut Actor, done: impl Fn(&Actor) -> bool) {
    let (mut addresses, _, _) = actor.setup().await.unwrap();
    let steps = async {
        while !done(actor) {
            let (mut relays, mut changes) = (stream::pending(), stream::pending());
            let step = actor.event_loop(&mut addresses, &mut relays, &mut changes, 0);
            timeout(Duration::from_millis(50), step).await.ok();
        }
    };
    let steps = timeout(Duration::from_secs(20), steps).await;
    steps.expect("it takes longer than twenty seconds");
}

async fn endpoint() -> Endpoint {
    Endpoint::builder()
        .alpns(vec![GOSSIP_ALPN.to_vec()])
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind()
        .await
        .unwrap()
}
