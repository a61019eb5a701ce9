//! When the send window is given back: with the data that it counts, and not before.

use std::ops::Range;

use bytes::Bytes;

use super::{Dir, Retransmits, SendStream, StreamId, Streams, StreamsState, WriteError};
use crate::{
    connection::State as ConnState, frame::StreamMeta, transport_parameters::TransportParameters,
    Side, VarInt,
};

const WINDOW: u64 = 1 << 20;
const CHUNK: usize = 10_000;

#[test]
fn data_behind_a_packet_that_is_never_acknowledged_counts_until_it_is_freed() {
    let mut sender = Sender::new();
    let id = sender.open();
    for _ in 0..20 {
        sender.fill(id);
        for sent in sender.send() {
            if sent.offsets.start != 0 {
                sender.state.received_ack_of(sent);
            }
        }
    }
    let held = sender.held();
    assert!(held <= WINDOW, "{held} bytes in a window of {WINDOW}");

    sender.ack(id, 0..1200);
    assert_eq!(sender.held(), 0);
    assert_eq!(sender.state.write_limit(), WINDOW);
}

#[test]
fn an_allocation_counts_until_its_last_byte_is_acknowledged() {
    let mut sender = Sender::new();
    let id = sender.open();
    let mut acked = 0;
    for _ in 0..20 {
        sender.fill(id);
        sender.send();
        let end = (sender.chunks.len() * CHUNK) as u64;
        while acked < end {
            sender.ack(id, acked..acked + CHUNK as u64 - 1);
            acked += CHUNK as u64;
        }
    }
    let held = sender.held();
    assert!(held <= WINDOW, "{held} bytes in a window of {WINDOW}");

    sender.ack(id, 0..acked);
    assert_eq!(sender.held(), 0);
    assert_eq!(sender.state.write_limit(), WINDOW);
}

#[test]
fn a_reset_stream_holds_no_data() {
    let mut sender = Sender::new();
    let id = sender.open();
    sender.fill(id);
    let sent = sender.send();
    sender.ack(id, 500..3000);
    sender.stream(id).finish().unwrap();
    sender.stream(id).reset(VarInt::from_u32(0)).unwrap();
    assert_eq!(sender.held(), 0);
    assert_eq!(sender.state.write_limit(), WINDOW);

    // What becomes of the packets does not matter any more.
    let (lost, acked) = sent.split_at(sent.len() / 2);
    lost.iter()
        .for_each(|sent| sender.state.retransmit(sent.clone()));
    acked
        .iter()
        .for_each(|sent| sender.state.received_ack_of(sent.clone()));
    assert!(sender.send().is_empty());
    assert_eq!(sender.state.write_limit(), WINDOW);
}

#[test]
fn rejected_early_data_gives_the_window_back() {
    let mut sender = Sender::new();
    let id = sender.open();
    sender.fill(id);
    sender.send();
    sender.state.zero_rtt_rejected();
    assert_eq!(sender.held(), 0);
    assert_eq!(sender.state.write_limit(), WINDOW);
}

#[test]
fn a_write_as_large_as_the_window_goes_on_before_all_of_it_is_acknowledged() {
    let mut sender = Sender::new();
    let id = sender.open();
    let data = vec![0; WINDOW as usize];
    assert_eq!(sender.stream(id).write(&data), Ok(data.len()));
    sender.send();
    sender.ack(id, 0..WINDOW / 2);
    assert_eq!(sender.stream(id).write(&data), Ok(data.len() / 2));
}

/// A connection's streams with a peer that takes any amount of data
struct Sender {
    state: StreamsState,
    pending: Retransmits,
    conn_state: ConnState,
    /// What was written, which tells whether the streams still have it
    chunks: Vec<Bytes>,
}

impl Sender {
    fn new() -> Self {
        let none = VarInt::from_u32(0);
        let mut state = StreamsState::new(Side::Client, none, none, WINDOW, none, none);
        state.set_params(&TransportParameters {
            initial_max_streams_uni: VarInt::from_u32(10),
            initial_max_data: VarInt::MAX,
            initial_max_stream_data_uni: VarInt::MAX,
            ..TransportParameters::default()
        });
        Self {
            state,
            pending: Retransmits::default(),
            conn_state: ConnState::Established,
            chunks: Vec::new(),
        }
    }

    fn open(&mut self) -> StreamId {
        let (state, conn_state) = (&mut self.state, &self.conn_state);
        Streams { state, conn_state }.open(Dir::Uni).unwrap()
    }

    fn stream(&mut self, id: StreamId) -> SendStream<'_> {
        SendStream {
            id,
            state: &mut self.state,
            pending: &mut self.pending,
            conn_state: &self.conn_state,
        }
    }

    /// Writes whole chunks until none fits the window any more
    fn fill(&mut self, id: StreamId) {
        while self.state.write_limit() >= CHUNK as u64 {
            let chunk = Bytes::from(vec![0; CHUNK]);
            match self.stream(id).write_chunks(&mut [chunk.clone()]) {
                Ok(written) => assert_eq!(written.bytes, CHUNK),
                Err(WriteError::Blocked) => break,
                Err(error) => panic!("{error}"),
            }
            self.chunks.push(chunk);
        }
    }

    /// Sends all that there is, in packets
    fn send(&mut self) -> Vec<StreamMeta> {
        let mut sent = Vec::new();
        loop {
            let frames = self.state.write_stream_frames(&mut Vec::new(), 1200, true);
            if frames.is_empty() {
                return sent;
            }
            sent.extend(frames);
        }
    }

    fn ack(&mut self, id: StreamId, offsets: Range<u64>) {
        let fin = false;
        self.state.received_ack_of(StreamMeta { id, offsets, fin });
    }

    /// How many bytes of what was written are still in memory
    fn held(&self) -> u64 {
        let held = self.chunks.iter().filter(|chunk| !chunk.is_unique());
        held.map(|chunk| chunk.len() as u64).sum()
    }
}
