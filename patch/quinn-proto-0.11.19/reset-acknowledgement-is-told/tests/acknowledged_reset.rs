//! What the application hears of a stream that it has reset
#![cfg(feature = "rustls-ring")]

mod common;

use std::time::Duration;

use common::{
    net::Net,
    proto::{Dir, Event, StreamEvent, StreamId, VarInt},
};

#[test]
fn the_acknowledgement_of_a_reset_is_told_to_who_asked() {
    assert!(is_told(true, false), "asked before the reset");
    assert!(is_told(false, true), "asked after the reset");
    assert!(!is_told(false, false), "not asked");
}

#[test]
fn a_closed_stream_cannot_be_asked() {
    let mut net = Net::new(|_| {});
    let (client, _) = net.connected();
    let connection = net.client.connections.get_mut(&client).unwrap();
    let id = connection.streams().open(Dir::Uni).unwrap();
    connection
        .send_stream(id)
        .reset(VarInt::from_u32(0))
        .unwrap();
    net.run_for(Duration::from_secs(1));
    let connection = net.client.connections.get_mut(&client).unwrap();
    assert!(connection.send_stream(id).report_reset_acked().is_err());
}

/// Resets a stream; whether its end is told in the second that follows
fn is_told(ask_before: bool, ask_after: bool) -> bool {
    let mut net = Net::new(|_| {});
    let (client, _) = net.connected();
    let connection = net.client.connections.get_mut(&client).unwrap();
    let reset: StreamId = connection.streams().open(Dir::Uni).unwrap();
    connection.send_stream(reset).write(b"begun").unwrap();
    if ask_before {
        connection.send_stream(reset).report_reset_acked().unwrap();
    }
    connection
        .send_stream(reset)
        .reset(VarInt::from_u32(0))
        .unwrap();
    if ask_after {
        connection.send_stream(reset).report_reset_acked().unwrap();
    }
    net.run_for(Duration::from_secs(1));
    let connection = net.client.connections.get_mut(&client).unwrap();
    std::iter::from_fn(|| connection.poll())
        .any(|event| matches!(event, Event::Stream(StreamEvent::Finished { id }) if id == reset))
}
