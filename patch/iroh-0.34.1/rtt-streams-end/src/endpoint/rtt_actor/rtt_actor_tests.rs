//! What the actor keeps of connections that have ended.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6},
    sync::Arc,
    time::Duration,
};

use iroh_base::NodeAddr;
use n0_future::{
    future,
    task::{self, AbortOnDropHandle},
    StreamExt,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{RttActor, RttHandle, RttMessage};
use crate::endpoint::{Connection, Endpoint, RelayMode};

const ALPN: &[u8] = b"rtt-actor-test";
const CONNECTIONS: usize = 8;

/// Longer than anything here takes, for what hangs where it is broken.
const HANGS: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_stream_of_a_connection_ends_with_it() {
    let server = accepting_server().await;
    let (client, mut for_actor) = endpoint_with_the_actors_messages().await;
    let mut actor = RttActor {
        connection_events: Default::default(),
    };

    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.connect(server.1.clone(), ALPN).await.unwrap());
        actor.handle_msg(for_actor.recv().await.unwrap());
    }
    poll_all(&mut actor).await;
    assert_eq!(actor.connection_events.len(), CONNECTIONS);

    let kept = connections.pop();
    end(connections).await;
    poll_all(&mut actor).await;
    assert_eq!(actor.connection_events.len(), 1, "the one that is open");

    drop(kept);
}

#[tokio::test]
async fn a_connection_that_has_ended_before_the_actor_hears_of_it_leaves_nothing() {
    let server = accepting_server().await;
    let (client, mut for_actor) = endpoint_with_the_actors_messages().await;
    let mut actor = RttActor {
        connection_events: Default::default(),
    };

    let connection = client.connect(server.1.clone(), ALPN).await.unwrap();
    end(vec![connection]).await;
    actor.handle_msg(for_actor.recv().await.unwrap());
    poll_all(&mut actor).await;
    assert_eq!(actor.connection_events.len(), 0);
}

/// Lets the actor handle all that has happened up to now.
async fn poll_all(actor: &mut RttActor) {
    while let Some(Some(_)) = future::poll_once(actor.connection_events.next()).await {}
}

/// Closes connections, and waits until nothing is left of them.
async fn end(connections: Vec<Connection>) {
    let handles = connections.iter().map(|it| it.inner.weak_handle());
    let handles: Vec<_> = handles.collect();
    drop(connections);
    let ended = async {
        while handles.iter().any(|handle| handle.is_alive()) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(HANGS, ended).await.expect("one stays");
}

/// An endpoint that holds on to what it accepts, and where to find it.
async fn accepting_server() -> (AbortOnDropHandle<()>, NodeAddr) {
    let server = endpoint().await;
    let (socket, _) = server.bound_sockets();
    let address = NodeAddr::new(server.node_id()).with_direct_addresses([socket]);
    let accepting = async move {
        let mut accepted = Vec::new();
        while let Some(incoming) = server.accept().await {
            accepted.push(incoming.await);
        }
    };
    (AbortOnDropHandle::new(task::spawn(accepting)), address)
}

/// An endpoint that tells us what it would have told its actor.
async fn endpoint_with_the_actors_messages() -> (Endpoint, mpsc::Receiver<RttMessage>) {
    let mut endpoint = endpoint().await;
    let (msg_tx, messages) = mpsc::channel(CONNECTIONS);
    endpoint.rtt_actor = Arc::new(RttHandle {
        _handle: AbortOnDropHandle::new(task::spawn(async {})),
        msg_tx,
    });
    (endpoint, messages)
}

async fn endpoint() -> Endpoint {
    Endpoint::builder()
        .alpns(vec![ALPN.to_vec()])
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
        .bind()
        .await
        .unwrap()
}
