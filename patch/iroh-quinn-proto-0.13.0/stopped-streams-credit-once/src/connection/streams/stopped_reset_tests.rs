//! Flow control credit for streams that are stopped here, and then reset by the peer.

use super::{frame, Dir, RecvStream, Retransmits, StreamId, StreamsState};
use crate::{Side, TransportErrorCode, VarInt};

/// How much the peer may send on all streams before any of it is read
const WINDOW: u32 = 1000;

#[test]
fn what_stopping_a_stream_gave_back_its_reset_does_not_give_again() {
    let mut server = server();
    send(&mut server, 0, WINDOW).unwrap();
    stop(&mut server, 0);
    reset(&mut server, 0, WINDOW);
    assert_one_window_is_left(server);
}

#[test]
fn what_arrived_after_the_stop_is_given_back_once() {
    let mut server = server();
    send(&mut server, 0, WINDOW / 2).unwrap();
    stop(&mut server, 0);
    send(&mut server, 0, WINDOW).unwrap();
    reset(&mut server, 0, WINDOW);
    assert_one_window_is_left(server);
}

#[test]
fn what_the_peer_says_it_sent_after_the_stop_is_given_back_once() {
    let mut server = server();
    stop(&mut server, 0);
    reset(&mut server, 0, WINDOW);
    assert_one_window_is_left(server);
}

fn server() -> StreamsState {
    let (none, window) = (VarInt::from_u32(0), VarInt::from_u32(WINDOW));
    let mut server = StreamsState::new(Side::Server, window, none, 1000, window, window);
    send(&mut server, 0, 0).unwrap();
    server
}

/// Everything before was given back, and nothing twice
fn assert_one_window_is_left(mut server: StreamsState) {
    send(&mut server, 1, WINDOW).unwrap();
    let code = send(&mut server, 2, 1);
    assert_eq!(code, Err(TransportErrorCode::FLOW_CONTROL_ERROR));
}

fn id(number: u64) -> StreamId {
    StreamId::new(Side::Client, Dir::Uni, number)
}

/// The peer sends a stream's first `end` bytes
fn send(server: &mut StreamsState, number: u64, end: u32) -> Result<(), TransportErrorCode> {
    let data = vec![0; end as usize].into();
    let frame = frame::Stream {
        id: id(number),
        offset: 0,
        fin: false,
        data,
    };
    let received = server.received(frame, end as usize);
    received.map(|_| ()).map_err(|error| error.code)
}

fn stop(server: &mut StreamsState, number: u64) {
    let mut stream = RecvStream {
        id: id(number),
        state: server,
        pending: &mut Retransmits::default(),
    };
    stream.stop(VarInt::from_u32(0)).unwrap();
}

fn reset(server: &mut StreamsState, number: u64, end: u32) {
    let frame = frame::ResetStream {
        id: id(number),
        error_code: VarInt::from_u32(0),
        final_offset: VarInt::from_u32(end),
    };
    let _ = server.received_reset(frame).unwrap();
}
