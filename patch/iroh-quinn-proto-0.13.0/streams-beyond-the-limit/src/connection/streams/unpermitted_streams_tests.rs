//! Frames for streams that the peer may not open.

use super::{Dir, StreamId, Streams, StreamsState};
use crate::{connection::State as ConnState, Side, TransportErrorCode, VarInt};

const PERMITTED: u32 = 3;

#[test]
fn flow_control_for_a_stream_beyond_the_limit_opens_none() {
    let mut server = server();
    let beyond = StreamId::new(Side::Client, Dir::Bi, u64::from(PERMITTED));
    let result = server.received_max_stream_data(beyond, 1000);
    assert_eq!(accepted(&mut server), 0);
    let error = result.unwrap_err();
    assert_eq!(error.code, TransportErrorCode::STREAM_LIMIT_ERROR);
}

#[test]
fn flow_control_for_a_permitted_stream_opens_it_and_those_before() {
    let mut server = server();
    let last = StreamId::new(Side::Client, Dir::Bi, u64::from(PERMITTED) - 1);
    server.received_max_stream_data(last, 1000).unwrap();
    assert_eq!(accepted(&mut server), PERMITTED);
}

fn server() -> StreamsState {
    let (none, window) = (VarInt::from_u32(0), VarInt::from_u32(1000));
    let permitted = VarInt::from_u32(PERMITTED);
    StreamsState::new(Side::Server, none, permitted, 1000, window, window)
}

/// How many streams an application is offered that accepts for as long as there are any
fn accepted(state: &mut StreamsState) -> u32 {
    let conn_state = &ConnState::Established;
    let mut streams = Streams { state, conn_state };
    let offered = std::iter::from_fn(|| streams.accept(Dir::Bi));
    offered.take(1000).count() as u32
}
