// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that an application can make its node forget another.
use p2panda_core::{SigningKey, Topic};
use p2panda_net::AddressBook;
use p2panda_net::addrs::NodeInfo;

#[tokio::test]
async fn a_removed_peer_is_not_known_anymore() {
    let address_book = AddressBook::builder().spawn().await.unwrap();
    let node_id = SigningKey::generate().verifying_key();
    let topic = Topic::random();
    address_book
        .insert_node_info(NodeInfo::new(node_id).bootstrap())
        .await
        .unwrap();
    address_book.set_topics(node_id, [topic]).await.unwrap();

    assert!(address_book.remove_peer(node_id).await.unwrap());
    assert!(!address_book.remove_peer(node_id).await.unwrap());

    assert_eq!(address_book.node_info(node_id).await.unwrap(), None);
    let interested = address_book.node_infos_by_topics([topic]).await.unwrap();
    assert!(interested.is_empty());

    // It was forgotten, not blocked.
    assert!(
        address_book
            .insert_node_info(NodeInfo::new(node_id))
            .await
            .unwrap()
    );
}
