//! A frame that ends early ends the connection it came on, and nothing else.

mod common;

use bytes::BytesMut;
use iroh_gossip::net::util::{read_message, ReadError};

use self::common::{connect, endpoint, in_time, Node};

/// A length of sixteen, and three bytes.
const CUT_SHORT: [u8; 7] = [0, 0, 0, 16, 1, 2, 3];

#[tokio::test]
async fn reading_a_frame_that_ends_early_is_an_error() {
    let res = read_message(&CUT_SHORT[..], &mut BytesMut::new(), 4096).await;

    let Err(ReadError::Io(err)) = res else {
        panic!("it was read: {res:?}");
    };
    assert_eq!(err.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_stranger_whose_frame_ends_early_loses_its_connection_and_nobody_else() {
    let (alice, bob) = (Node::spawn().await, Node::spawn().await);
    let alice_topic = alice.join(&[]).await;
    let mut bob_topic = bob.join(&[&alice]).await;

    let stranger = endpoint().await;
    let conn = connect(&stranger, &alice).await;
    let (mut send, _recv) = conn.open_bi().await.unwrap();
    send.write_all(&CUT_SHORT).await.unwrap();
    send.finish().unwrap();
    in_time(conn.closed()).await;

    alice_topic.broadcast("still here").await;
    assert_eq!(bob_topic.received().await, "still here");
}
