//! Whose secrets are remembered, and how many.

use std::{net::SocketAddr, time::Duration};

use rand::{rngs::StdRng, RngCore, SeedableRng};
use tokio::{net::UdpSocket, time::timeout};

use super::*;
use crate::{Endpoint, RelayMode};

/// The bound, which is private to the code under test.
const REMEMBERED_MAX: usize = 1024;

/// A hundredth of what a sender on a slow line forges in a minute.
const FORGED: usize = 500;

/// How long to wait for an answer before asking again: datagrams may be dropped.
const ANSWER: Duration = Duration::from_millis(200);
const ASKED_MAX: usize = 100;

#[tokio::test]
async fn a_flood_of_forged_messages_leaves_no_secret_behind() {
    let (endpoint, address) = endpoint().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..FORGED {
        let mut sealed = vec![0; 100];
        rng.fill_bytes(&mut sealed);
        let forged = disco::encode_message(&node(&mut rng), sealed);
        socket.send_to(&forged, address).await.unwrap();
    }

    // Who shows that it has the key it names is answered, and its secret remembered.
    let peer = Peer::new(socket, &mut rng);
    peer.ping_until_answered(endpoint.node_id(), address).await;
    let msock = endpoint.magic_sock();
    assert_eq!(remembered(&msock.disco_secrets), 1);
    assert_eq!(msock.node_map.node_count(), 1);
}

#[test]
fn no_more_than_1024_secrets_are_remembered() {
    let mut rng = StdRng::seed_from_u64(2);
    let this = SecretKey::generate(&mut rng);
    let secrets = DiscoSecrets::default();
    for _ in 0..REMEMBERED_MAX {
        seal_ping(&secrets, &this, node(&mut rng));
    }
    assert_eq!(remembered(&secrets), REMEMBERED_MAX);
    seal_ping(&secrets, &this, node(&mut rng));
    assert!(remembered(&secrets) <= REMEMBERED_MAX);
}

#[test]
fn a_secret_in_use_outlives_those_that_are_not() {
    let mut rng = StdRng::seed_from_u64(3);
    let this = SecretKey::generate(&mut rng);
    let secrets = DiscoSecrets::default();
    let [used, unused] = [node(&mut rng), node(&mut rng)];
    seal_ping(&secrets, &this, unused);
    for sent in 0..REMEMBERED_MAX + 200 {
        if sent % (REMEMBERED_MAX / 4) == 0 {
            seal_ping(&secrets, &this, used);
        }
        seal_ping(&secrets, &this, node(&mut rng));
    }
    let shown = format!("{secrets:?}");
    assert!(shown.contains(&format!("{used:?}")));
    assert!(!shown.contains(&format!("{unused:?}")));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_used_for_two_minutes_goes_with_the_next_new_one() {
    let mut rng = StdRng::seed_from_u64(4);
    let this = SecretKey::generate(&mut rng);
    let secrets = DiscoSecrets::default();
    for _ in 0..3 {
        seal_ping(&secrets, &this, node(&mut rng));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert_eq!(remembered(&secrets), 2);
}

/// How many secrets there are, by what is printed of them.
fn remembered(secrets: &DiscoSecrets) -> usize {
    format!("{secrets:?}").matches("SharedSecret(").count()
}

fn seal_ping(secrets: &DiscoSecrets, from: &SecretKey, to: NodeId) -> Bytes {
    let ping = disco::Message::Ping(disco::Ping {
        tx_id: Default::default(),
        node_key: from.public(),
    });
    let this_secret_key = secret_ed_box(from.secret());
    secrets.encode_and_seal(&this_secret_key, from.public(), to, &ping)
}

/// A public key whose secret one nobody has.
fn node(rng: &mut StdRng) -> NodeId {
    loop {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        if let Ok(node_id) = NodeId::from_bytes(&bytes) {
            return node_id;
        }
    }
}

/// Somebody who speaks disco and nothing else.
struct Peer {
    socket: UdpSocket,
    secret_key: SecretKey,
    secrets: DiscoSecrets,
}

impl Peer {
    fn new(socket: UdpSocket, rng: &mut StdRng) -> Self {
        Self {
            socket,
            secret_key: SecretKey::generate(rng),
            secrets: DiscoSecrets::default(),
        }
    }

    async fn ping_until_answered(&self, node_id: NodeId, address: SocketAddr) {
        for _ in 0..ASKED_MAX {
            let ping = seal_ping(&self.secrets, &self.secret_key, node_id);
            self.socket.send_to(&ping, address).await.unwrap();
            if timeout(ANSWER, self.pong()).await.is_ok() {
                return;
            }
        }
        panic!("no answer");
    }

    async fn pong(&self) {
        let mut buffer = [0; 2048];
        loop {
            let len = self.socket.recv(&mut buffer).await.unwrap();
            let (sender, sealed_box) = disco::source_and_box(&buffer[..len]).unwrap();
            let ours = secret_ed_box(self.secret_key.secret());
            let opened = self
                .secrets
                .unseal_and_decode(&ours, sender, sealed_box.to_vec());
            if let Ok(disco::Message::Pong(_)) = opened {
                return;
            }
        }
    }
}

async fn endpoint() -> (Endpoint, SocketAddr) {
    let endpoint = Endpoint::builder()
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4("127.0.0.1:0".parse().unwrap())
        .bind_addr_v6("[::1]:0".parse().unwrap())
        .bind()
        .await
        .unwrap();
    let (address, _) = endpoint.bound_sockets();
    (endpoint, address)
}
