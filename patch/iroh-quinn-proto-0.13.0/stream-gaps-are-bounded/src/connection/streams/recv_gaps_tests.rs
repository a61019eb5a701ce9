//! How many gaps a peer may leave in a stream.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{Recv, StreamId};
use crate::{frame, Dir, Side, TransportError};

const WINDOW: u64 = 1 << 30;
const PERIOD: usize = 1 << 16;

#[test]
fn a_peer_that_sends_every_second_byte_is_stopped() {
    let mut recv = Recv::new(WINDOW);
    let taken = (0..10_000).take_while(|i| send(&mut recv, 2 * i, 1).is_ok());
    let taken = taken.count();
    assert!(taken < 5000, "{taken} gaps");
}

#[test]
fn a_peer_that_sends_every_second_byte_is_stopped_even_if_it_is_read() {
    let mut recv = Recv::new(WINDOW);
    recv.assembler.ensure_ordering(false).unwrap();
    let taken = (0..10_000).take_while(|i| {
        let sent = send(&mut recv, 2 * i, 1);
        while recv.assembler.read(usize::MAX, false).is_some() {}
        sent.is_ok()
    });
    let taken = taken.count();
    assert!(taken < 5000, "{taken} gaps");
}

#[test]
fn short_gaps_are_no_way_around_it() {
    let mut recv = Recv::new(WINDOW);
    // As long a piece as still is more costly to keep apart than to keep.
    let taken = (0..50_000).take_while(|i| send(&mut recv, 33 * i, 32).is_ok());
    let taken = taken.count();
    assert!(taken < 10_000, "{taken} gaps");
}

#[test]
fn the_loss_of_every_second_packet_is_survived_at_any_speed() {
    const PACKET: u64 = 1200;
    const PACKETS: u64 = 50_000;
    let mut recv = Recv::new(WINDOW);
    for lost in [1, 0] {
        for i in (lost..PACKETS).step_by(2) {
            send(&mut recv, i * PACKET, PACKET as usize).unwrap();
        }
    }
    assert_eq!(read_all(&mut recv), PACKET * PACKETS);
}

#[test]
fn short_messages_behind_a_lost_one_all_arrive() {
    let mut recv = Recv::new(WINDOW);
    let mut offset = 1000;
    let mut random = 1u64;
    for _ in 0..50_000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
        let len = random >> 59;
        // Some of it twice.
        send(&mut recv, offset - len, 2 * len as usize).unwrap();
        offset += len;
    }
    assert_eq!(read_all(&mut recv), 0);
    send(&mut recv, 0, 1000).unwrap();
    assert_eq!(read_all(&mut recv), offset);
}

/// Takes in a STREAM frame from a packet of its own
fn send(recv: &mut Recv, offset: u64, len: usize) -> Result<(), TransportError> {
    let data = contents(offset, len);
    let id = StreamId::new(Side::Client, Dir::Uni, 0);
    let frame = frame::Stream {
        id,
        offset,
        fin: false,
        data,
    };
    recv.ingest(frame, len, 0, u64::MAX).map(|_| ())
}

/// Reads what can be read; how far that is
fn read_all(recv: &mut Recv) -> u64 {
    while let Some(chunk) = recv.assembler.read(usize::MAX, true) {
        let mut at = chunk.offset;
        for part in chunk.bytes.chunks(PERIOD) {
            assert_eq!(part, contents(at, part.len()));
            at += part.len() as u64;
        }
    }
    recv.assembler.bytes_read()
}

/// What the stream has at an offset, at most a period of it
fn contents(offset: u64, len: usize) -> Bytes {
    static TWICE: OnceLock<Bytes> = OnceLock::new();
    let twice = TWICE.get_or_init(|| (0..2 * PERIOD).map(|i| (i ^ i >> 8) as u8).collect());
    let start = offset as usize % PERIOD;
    twice.slice(start..start + len)
}
