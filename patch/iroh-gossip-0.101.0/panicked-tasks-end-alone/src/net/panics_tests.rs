//! A task that panics ends what it was for, and nothing else.

use std::sync::Arc;

use n0_future::time::{timeout, Duration};
use tokio::sync::mpsc;

use super::{
    common_tests::{in_time, Peer},
    Actor, GossipAddressLookup, LocalActorMessage, Metrics, RpcMessage,
};

#[tokio::test]
async fn a_connection_task_that_panics_does_not_end_the_actor() {
    let (mut actor, _open) = actor().await;
    actor.connection_tasks.spawn(async { panic!("as a test") });
    run(&mut actor, |actor| actor.connection_tasks.is_empty()).await;
}

#[tokio::test]
async fn a_forwarder_of_events_that_panics_does_not_end_the_actor() {
    let (mut actor, _open) = actor().await;
    let topic = [7; 32].into();
    actor.topics.entry(topic).or_default();
    actor
        .topic_event_forwarders
        .spawn(async { panic!("as a test") });
    run(&mut actor, |actor| actor.topic_event_forwarders.is_empty()).await;
    assert!(actor.topics.is_empty(), "nobody needs the topic any more");
}

type Open = (
    Peer,
    mpsc::Sender<RpcMessage>,
    mpsc::Sender<LocalActorMessage>,
);

/// An actor, and what keeps it going.
async fn actor() -> (Actor, Open) {
    let peer = Peer::bind().await;
    let (actor, rpc, local) = Actor::new(
        peer.endpoint.clone(),
        Default::default(),
        Arc::new(Metrics::default()),
        None,
        GossipAddressLookup::default(),
    );
    (actor, (peer, rpc, local))
}

/// Lets the actor take a step at a time until there is nothing more to expect.
async fn run(actor: &mut Actor, done: impl Fn(&Actor) -> bool) {
    let mut addresses = n0_future::stream::pending();
    let steps = async {
        while !done(actor) {
            let step = actor.event_loop(&mut addresses, 0);
            timeout(Duration::from_millis(50), step).await.ok();
        }
    };
    in_time(steps).await;
}
