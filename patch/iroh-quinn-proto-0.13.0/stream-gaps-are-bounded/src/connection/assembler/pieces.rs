//! A bound on the number of pieces that a stream waits in
//!
//! Flow control bounds the bytes of a stream, and defragmentation what they keep allocated. Neither
//! bounds what it takes to keep each piece apart, which is many times a byte.

use std::mem;

use bytes::BytesMut;

use super::{Assembler, Buffer, State};

/// How many pieces any stream may be in
///
/// Enough for a thousand messages lost at once, however short they are.
const PIECES_MIN: usize = 1024;

/// For how many bytes of the stream there may be a piece more
///
/// What goes missing at a time is a packet, ten times as much, so a lossy path can be as fast as flow
/// control lets it. Keeping a piece apart takes about half of this.
const BYTES_PER_PIECE: usize = 128;

impl Assembler {
    /// Whether the peer leaves more gaps in the stream than loss would
    ///
    /// To be asked after [`insert`](Self::insert). Takes constant time, and now and then puts pieces
    /// together that follow each other, which takes about the time it took to insert them.
    pub(in crate::connection) fn is_shattered(&mut self) -> bool {
        let extent = (self.end - self.bytes_read) as usize;
        let pieces_max = PIECES_MIN + extent / BYTES_PER_PIECE;
        if let State::Unordered { recvd } = &self.state {
            if recvd.len() > pieces_max {
                return true;
            }
        }
        if self.data.len() <= 2 * pieces_max {
            return false;
        }
        self.defragment();
        self.join_small();
        self.data.len() > pieces_max
    }

    /// Copy runs of pieces into one each, unless they are large; none may overlap another
    fn join_small(&mut self) {
        // Of any two large ones there are 2 * BYTES_PER_PIECE more bytes, so these are never too many.
        let is_small = |piece: &Buffer| piece.bytes.len() < 2 * BYTES_PER_PIECE;
        let pieces = mem::take(&mut self.data).into_sorted_vec();
        let small = pieces.iter().filter(|piece| is_small(piece));
        let mut run = BytesMut::with_capacity(small.map(|piece| piece.bytes.len()).sum());
        let mut run_start = 0;
        let mut joined = Vec::new();
        // The order is that of a heap with the first piece on top.
        for piece in pieces.into_iter().rev() {
            let small = is_small(&piece);
            let follows = piece.offset == run_start + run.len() as u64;
            if !(run.is_empty() || small && follows) {
                joined.push(Buffer::new_defragmented(run_start, run.split().freeze()));
            }
            if !small {
                joined.push(piece);
                continue;
            }
            if run.is_empty() {
                run_start = piece.offset;
            }
            run.extend_from_slice(&piece.bytes);
        }
        if !run.is_empty() {
            joined.push(Buffer::new_defragmented(run_start, run.freeze()));
        }
        self.data = joined.into();
    }
}
