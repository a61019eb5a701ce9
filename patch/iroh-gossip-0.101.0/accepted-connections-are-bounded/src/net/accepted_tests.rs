//! How many connections peers can open.

use super::common_tests::{Node, Peer};

#[tokio::test]
async fn a_fifth_connection_of_a_peer_closes_its_first() {
    let alice = Node::spawn().await;
    let peer = Peer::bind().await;
    let mut links = Vec::new();
    for _ in 0..5 {
        links.push(peer.connect(&alice).await);
    }

    links[0].closed().await;
    let open = links
        .iter()
        .filter(|link| link.conn.close_reason().is_none());
    assert_eq!(open.count(), 4);
}
