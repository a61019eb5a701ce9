//! A stranger announces topics in the name of keys that nobody has: each signature is good, each key is new.

use std::time::Duration;

use anyhow::Result;
use iroh::protocol::Router;
use iroh_gossip::ALPN;
use iroh_gossip::net::Gossip;
use p2panda_core::cbor::encode_cbor;
use p2panda_core::{PrivateKey, PublicKey, Signature};
use p2panda_net::NodeAddress;
use serde::Serialize;

use super::{Quick, Scenario};
use crate::node;
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "forged-announcements",
    about: "A stranger in the network's overlay announces 58 topics each for ever new keys that nobody has",
    event: "announcement of a new key",
    defects: &["address-book-grows", "message-ids-never-expire"],
    // Settled: past the time for which gossip remembers a message. Warm: the book is full, and so is the list of the 4096
    // that left it last.
    quick: Quick {
        events: 9600,
        samples: 49,
        warmup_events: 4800,
        settle_ms: 120_000,
        seconds_max: 12,
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(announce(run)),
};

/// As many as fit into one gossip message whatever their bytes are: those above 23 take two each.
const TOPICS: usize = 58;

/// Between two announcements, by the clock that jumps: enough for one to be worked off before the next.
const PAUSE: Duration = Duration::from_millis(10);

async fn announce(run: &mut Run) -> Result<()> {
    let hub = node::with_small_book(node::loopback(run.key()));
    let hub = hub.build().await?;
    let key = run.key();
    let endpoint = node::endpoint(&key).await?;
    let address = endpoint.node_addr().await?;
    let gossip = Gossip::builder().spawn(endpoint.clone()).await?;
    let mut overlay = gossip.subscribe(node::NETWORK.into(), Vec::new())?;
    let router = Router::builder(endpoint);
    let router = router.accept(ALPN, gossip).spawn().await?;
    hub.add_peer(NodeAddress {
        public_key: key.public_key(),
        direct_addresses: address.direct_addresses.into_iter().collect(),
        relay_url: None,
    })
    .await?;
    overlay.joined().await?;
    run.watch(&hub);

    while run.next().await?.is_some() {
        let bytes = forge(|| run.random())?;
        overlay.broadcast(bytes.into()).await?;
        tokio::time::sleep(PAUSE).await;
    }

    router.shutdown().await?;
    hub.shutdown().await
}

/// An announcement of topics that nobody has, by a key that nobody has: all of it out of `random`.
///
/// # Errors
///
/// When it cannot be encoded.
pub fn forge(mut random: impl FnMut() -> [u8; 32]) -> Result<Vec<u8>> {
    let topics = (0..TOPICS).map(|_| random()).collect();
    let key = PrivateKey::from_bytes(&random());
    let announcement = Announcement::signed(&key, random(), topics);
    Ok(encode_cbor(&announcement)?)
}

/// What a node says of its topics, as it stands on the wire.
#[derive(Serialize)]
struct Announcement {
    id: [u8; 32],
    topic_ids: Vec<[u8; 32]>,
    public_key: PublicKey,
    signature: Signature,
}

impl Announcement {
    fn signed(key: &PrivateKey, id: [u8; 32], topic_ids: Vec<[u8; 32]>) -> Self {
        let public_key = key.public_key();
        let signed = encode_cbor(&(id, &topic_ids, public_key)).expect("lists of bytes only");
        Self {
            id,
            topic_ids,
            public_key,
            signature: key.sign(&signed),
        }
    }
}
