//! A peer that is dialed, and answers when and how the test wants.
//!
//! Belongs beside the module `common`: `#[path = "common/listener.rs"] mod listener;`.
#![allow(dead_code)]

use bytes::BytesMut;
use iroh::{
    endpoint::{Connection, Incoming, RecvStream, SendStream},
    Endpoint, NodeId,
};
use iroh_gossip::{
    net::util::{read_message, write_message},
    proto::{Command, Config, InEvent, Message, OutEvent, PeerData, State},
};
use n0_future::time::Instant;
use rand::{rngs::StdRng, SeedableRng};

use crate::common::{endpoint, in_time, Node, TOPIC};

pub struct Listener {
    pub endpoint: Endpoint,
}

impl Listener {
    /// Listens where the node knows it.
    pub async fn known_to(node: &Node) -> Self {
        let endpoint = endpoint().await;
        let addr = endpoint.node_addr().await.unwrap();
        node.endpoint().add_node_addr(addr).unwrap();
        Self { endpoint }
    }

    pub fn id(&self) -> NodeId {
        self.endpoint.node_id()
    }

    /// Waits until it is dialed, and lets the dialer wait.
    pub async fn dialed(&self) -> Incoming {
        in_time(self.endpoint.accept()).await.unwrap()
    }
}

/// A connection with a node, and its stream.
pub struct Stream {
    pub conn: Connection,
    pub send: SendStream,
    pub recv: RecvStream,
    buffer: BytesMut,
}

impl Stream {
    /// Answers a node that dialed, and waits for what it sends.
    pub async fn accept(incoming: Incoming) -> Self {
        let conn = in_time(incoming.accept().unwrap()).await.unwrap();
        let (send, recv) = in_time(conn.accept_bi()).await.unwrap();
        Self::over(conn, send, recv)
    }

    pub fn over(conn: Connection, send: SendStream, recv: RecvStream) -> Self {
        Self {
            conn,
            send,
            recv,
            buffer: BytesMut::new(),
        }
    }

    /// Asks the node to be its neighbor in [`TOPIC`], which the node does not refuse.
    pub async fn join(&mut self, listener: &Listener, node: &Node) {
        let mut state = State::new(
            listener.id(),
            PeerData::default(),
            Config::default(),
            StdRng::from_entropy(),
        );
        let command = InEvent::Command(TOPIC, Command::Join(vec![node.id()]));
        for event in state.handle(command, Instant::now()) {
            if let OutEvent::SendMessage(_, message) = event {
                write_message(&mut self.send, &mut BytesMut::new(), &message, 4096)
                    .await
                    .unwrap();
            }
        }
    }

    /// The next message of the node.
    pub async fn received(&mut self) -> Message<NodeId> {
        let message = read_message(&mut self.recv, &mut self.buffer, 4096);
        in_time(message).await.unwrap().expect("nothing follows")
    }
}
