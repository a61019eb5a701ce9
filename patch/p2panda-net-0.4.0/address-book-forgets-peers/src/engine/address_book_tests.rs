// SPDX-License-Identifier: MIT OR Apache-2.0

//! What peers of a network can do to our address book. These need nothing but what the book has
//! always offered, so they also run where it has no bounds.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use p2panda_core::{PrivateKey, PublicKey};

use crate::NodeAddress;

use super::AddressBook;

const NETWORK: [u8; 32] = [1; 32];
const CHAT: [u8; 32] = [2; 32];
const MAX_PEERS: usize = 1024;
const HOUR: Duration = Duration::from_secs(60 * 60);

fn any_key() -> PublicKey {
    PrivateKey::new().public_key()
}

fn address(public_key: PublicKey, port: u16) -> NodeAddress {
    NodeAddress {
        public_key,
        direct_addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
        relay_url: None,
    }
}

async fn known_keys(book: &AddressBook) -> HashSet<PublicKey> {
    let known = book.known_peers().await;
    known.iter().map(|address| address.public_key).collect()
}

#[tokio::test]
async fn thousands_of_discovered_peers_leave_the_book_within_its_bound() {
    let mut book = AddressBook::new(NETWORK);
    for _ in 0..3000 {
        book.add_peer(address(any_key(), 7)).await;
    }

    assert_eq!(book.known_peers().await.len(), MAX_PEERS);
    assert_eq!(book.random_set(NETWORK, 3000).await.len(), MAX_PEERS);
}

#[tokio::test]
async fn announcements_of_fresh_keys_neither_fill_the_book_nor_push_out_discovered_peers() {
    let mut book = AddressBook::new(NETWORK);
    let honest: HashSet<_> = (0..20).map(|_| any_key()).collect();
    for key in &honest {
        book.add_peer(address(*key, 7)).await;
    }
    for _ in 0..2000 {
        book.add_topic_id(any_key(), CHAT).await;
    }

    assert_eq!(
        book.random_set(CHAT, 2000).await.len(),
        MAX_PEERS - honest.len()
    );
    assert_eq!(known_keys(&book).await, honest);
}

#[tokio::test(start_paused = true)]
async fn a_peer_not_seen_for_an_hour_is_forgotten() {
    let mut book = AddressBook::new(NETWORK);
    book.add_peer(address(any_key(), 7)).await;
    book.add_topic_id(any_key(), CHAT).await;

    tokio::time::advance(HOUR).await;
    assert_eq!(known_keys(&book).await, HashSet::new());
    assert_eq!(book.random_set(CHAT, 7).await, []);
}

#[tokio::test(start_paused = true)]
async fn only_peers_that_announce_or_are_found_again_stay() {
    let mut book = AddressBook::new(NETWORK);
    let (announcing, found_again, silent) = (any_key(), any_key(), any_key());
    for key in [announcing, found_again, silent] {
        book.add_peer(address(key, 7)).await;
    }

    for _ in 0..5 {
        tokio::time::advance(HOUR / 2).await;
        book.add_topic_id(announcing, CHAT).await;
        book.add_peer(address(found_again, 7)).await;
    }
    assert_eq!(
        known_keys(&book).await,
        HashSet::from([announcing, found_again])
    );
}

#[tokio::test]
async fn a_peer_with_ever_new_addresses_keeps_the_newest_eight() {
    let mut book = AddressBook::new(NETWORK);
    let peer = any_key();
    for port in 1..=100 {
        book.add_peer(address(peer, port)).await;
    }

    let known = book.known_peers().await;
    let ports: HashSet<_> = known
        .iter()
        .map(|it| it.direct_addresses[0].port())
        .collect();
    assert_eq!(ports, (93..=100).collect());
}

#[tokio::test]
async fn an_address_keeps_its_first_32_socket_addresses() {
    let mut book = AddressBook::new(NETWORK);
    let mut endless = address(any_key(), 1);
    endless.direct_addresses = (1..=5000)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .collect();
    book.add_peer(endless.clone()).await;
    book.add_peer(endless.clone()).await;

    let known = book.known_peers().await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].direct_addresses, endless.direct_addresses[..32]);
}

#[tokio::test]
async fn a_peer_with_ever_new_topics_keeps_256_and_stays_in_the_network_overlay() {
    let mut book = AddressBook::new(NETWORK);
    let peer = any_key();
    book.add_peer(address(peer, 7)).await;
    let topics: Vec<[u8; 32]> = (0..1000_u32)
        .map(|n| {
            let mut topic_id = [9; 32];
            topic_id[..4].copy_from_slice(&n.to_be_bytes());
            topic_id
        })
        .collect();
    for topic_id in &topics {
        book.add_topic_id(peer, *topic_id).await;
    }

    let mut kept = Vec::new();
    for topic_id in &topics {
        if !book.random_set(*topic_id, 1).await.is_empty() {
            kept.push(*topic_id);
        }
    }
    assert_eq!(kept, topics[1000 - 255..]);
    assert_eq!(book.random_set(NETWORK, 1).await, [peer]);
}
