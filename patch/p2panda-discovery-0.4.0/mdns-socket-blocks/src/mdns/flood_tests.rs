// SPDX-License-Identifier: MIT OR Apache-2.0

//! What reaches a subscriber when somebody on the link sends more than anybody can read.
//!
//! These tests send to the mDNS port on loopback: nothing else listens there under these names.
use std::collections::HashSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::StreamExt;
use hickory_proto::serialize::binary::BinEncodable;
use iroh::{NodeAddr, NodeId, SecretKey};
use tokio::time::{sleep, timeout};

use super::dns::make_response;
use super::{LocalDiscovery, ServiceName};
use crate::{BoxedStream, Discovery, DiscoveryEvent};

/// Only keeps a test that failed from waiting for ever.
const HANG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_flood_of_forged_names_reaches_a_subscriber_within_the_bound() {
    let network_id = [71; 32];
    let discovery = discovery();
    let mut events = discovery.subscribe(network_id).unwrap();
    let forged: Vec<NodeAddr> = (1..=2_000).map(peer).collect();
    let heard = Arc::new(AtomicUsize::new(0));

    // Local discovery takes a moment to start.
    timeout(HANG, async {
        while heard.load(Ordering::Relaxed) == 0 {
            answer(network_id, &forged[..1]);
            if let Ok(Some(_)) = timeout(Duration::from_millis(50), events.next()).await {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await
    .expect("an answer was heard");

    let reader = tokio::spawn(count(events, heard.clone()));
    for answers in forged.chunks(50) {
        answer(network_id, answers);
        sleep(Duration::from_millis(10)).await;
    }
    // Until nothing comes any more.
    let mut before = 0;
    while heard.load(Ordering::Relaxed) > before {
        before = heard.load(Ordering::Relaxed);
        sleep(Duration::from_millis(500)).await;
    }

    let heard = heard.load(Ordering::Relaxed);
    assert!(heard <= 256, "{heard} of 2,000 forged names were passed on");
    reader.abort();
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_holds_up_no_other() {
    let network_id = [72; 32];
    let discovery = discovery();
    let _idle = discovery.subscribe(network_id).unwrap();
    let mut reads = discovery.subscribe(network_id).unwrap();
    let peers: Vec<NodeAddr> = (1..=20).map(peer).collect();

    let heard: Arc<Mutex<HashSet<NodeId>>> = Default::default();
    let all_heard = timeout(HANG, async {
        while heard.lock().unwrap().len() < peers.len() {
            answer(network_id, &peers);
            while let Ok(Some(event)) = timeout(Duration::from_millis(200), reads.next()).await {
                heard
                    .lock()
                    .unwrap()
                    .insert(event.unwrap().node_addr.node_id);
            }
        }
    })
    .await;

    let heard = heard.lock().unwrap().len();
    assert!(all_heard.is_ok(), "heard of {heard} of 20 peers");
}

fn discovery() -> LocalDiscovery {
    let discovery = LocalDiscovery::new();
    discovery.update_local_address(&peer(0)).unwrap();
    discovery
}

async fn count(mut events: BoxedStream<anyhow::Result<DiscoveryEvent>>, heard: Arc<AtomicUsize>) {
    while events.next().await.is_some() {
        heard.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends the answers of these peers.
///
/// Each call sends from another port: where more than one program listens, the port decides who of
/// them gets a packet.
fn answer(network_id: [u8; 32], peers: &[NodeAddr]) {
    let service_name: ServiceName = format!(
        "_{}._udp.local.",
        base32::encode(base32::Alphabet::Z, &network_id)
    )
    .parse()
    .unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for peer in peers {
        let bytes = make_response(&service_name, peer).to_bytes().unwrap();
        socket.send_to(&bytes, (Ipv4Addr::LOCALHOST, 5353)).unwrap();
    }
}

fn peer(seed: u64) -> NodeAddr {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    let address = (Ipv4Addr::LOCALHOST, 1_000 + seed as u16).into();
    NodeAddr::new(SecretKey::from_bytes(&secret).public()).with_direct_addresses([address])
}
