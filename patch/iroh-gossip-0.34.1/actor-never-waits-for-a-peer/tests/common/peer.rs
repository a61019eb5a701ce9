//! A peer that joins like a node, and from then on does what the test wants.
//!
//! Belongs beside the module `common`: `#[path = "common/peer.rs"] mod peer;`.

#![allow(dead_code)]

use bytes::BytesMut;
use iroh::{
    endpoint::{Connection, RecvStream, SendStream},
    Endpoint, NodeId,
};
use iroh_gossip::{
    net::util::write_message,
    proto::{Command, Config, InEvent, OutEvent, PeerData, State},
};
use n0_future::time::Instant;
use rand::{rngs::StdRng, SeedableRng};

use crate::common::{connect, endpoint, Node, TOPIC};

pub struct Peer {
    pub endpoint: Endpoint,
    pub conn: Connection,
    pub send: SendStream,
    pub recv: RecvStream,
    state: State<NodeId, StdRng>,
}

impl Peer {
    /// Asks a node to be its neighbor in [`TOPIC`], which the node does not refuse.
    pub async fn join(node: &Node) -> Self {
        let endpoint = endpoint().await;
        let conn = connect(&endpoint, node).await;
        let (send, recv) = conn.open_bi().await.unwrap();
        let state = State::new(
            endpoint.node_id(),
            PeerData::default(),
            Config::default(),
            StdRng::from_entropy(),
        );
        let mut peer = Self {
            endpoint,
            conn,
            send,
            recv,
            state,
        };
        peer.command(Command::Join(vec![node.id()])).await;
        peer
    }

    pub fn id(&self) -> NodeId {
        self.endpoint.node_id()
    }

    /// Writes what the protocol sends to the node.
    async fn command(&mut self, command: Command<NodeId>) {
        let event = InEvent::Command(TOPIC, command);
        for event in self.state.handle(event, Instant::now()) {
            if let OutEvent::SendMessage(_, message) = event {
                write_message(&mut self.send, &mut BytesMut::new(), &message, 4096)
                    .await
                    .unwrap();
            }
        }
    }
}
