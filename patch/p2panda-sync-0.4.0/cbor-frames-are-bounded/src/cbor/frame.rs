// SPDX-License-Identifier: MIT OR Apache-2.0

//! How far a CBOR frame has come in: within a limit, and without looking at any byte of it twice.
//!
//! A frame is one data item, and mostly all of it is there when it is first looked at. Then it is
//! parsed, and that is all. Otherwise its heads are followed as they come in, and it is parsed once
//! more when it is complete.
use crate::SyncError;

/// Arrays, maps, tags and strings of indefinite length that may stand in each other: as many as the
/// parser takes.
const MAX_NESTING: usize = 256;

/// The frame at the beginning of a buffer.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    max_len: usize,
    /// Where it is, once it was found unfinished.
    scan: Option<Scan>,
}

impl Frame {
    pub(super) fn new(max_len: usize) -> Self {
        Self {
            max_len,
            scan: None,
        }
    }

    /// The bytes to parse, never more than the limit; none while it is known that some are missing.
    pub(super) fn parsable<'a>(&mut self, buffer: &'a [u8]) -> Result<Option<&'a [u8]>, SyncError> {
        let len = match &mut self.scan {
            Some(scan) => scan.advance(buffer, self.max_len)?,
            None => Some(buffer.len().min(self.max_len)).filter(|len| *len > 0),
        };
        Ok(len.map(|len| &buffer[..len]))
    }

    /// The frame was parsed; the next one begins.
    pub(super) fn finish(&mut self) {
        self.scan = None;
    }

    /// The parser ran out of bytes. It is an error when the frame has no more to come, or too many.
    pub(super) fn wait(&mut self, buffer: &[u8]) -> Result<(), SyncError> {
        let scan = self.scan.get_or_insert_default();
        match scan.advance(buffer, self.max_len)? {
            None => Ok(()),
            Some(_) => Err(malformed("a message ends before it is complete")),
        }
    }
}

/// A walk over the heads of a data item.
#[derive(Clone, Debug, Default)]
struct Scan {
    /// Where the next head begins, or the item ends. What was announced may not have come in yet.
    position: usize,
    /// What contains the next head, the innermost last.
    open: Vec<Open>,
}

/// Something that contains data items.
#[derive(Clone, Debug)]
enum Open {
    /// So many are to come, at least one.
    Items(u64),
    UntilBreak,
}

impl Scan {
    /// Follows the heads that have come in, and returns the length of the item once all of it has.
    fn advance(&mut self, buffer: &[u8], max_len: usize) -> Result<Option<usize>, SyncError> {
        while self.position == 0 || !self.open.is_empty() {
            let come_in = buffer.get(self.position..).unwrap_or_default();
            match Head::read(come_in)? {
                Some(head) => self.follow(head, max_len)?,
                None if buffer.len() >= max_len => return Err(too_large(max_len)),
                None => return Ok(None),
            }
        }
        Ok(Some(self.position).filter(|len| *len <= buffer.len()))
    }

    fn follow(&mut self, head: Head, max_len: usize) -> Result<(), SyncError> {
        self.position = self.position.saturating_add(head.len);
        // Each item takes a byte or more, so that what is announced is refused before it comes in.
        let announced = match head.content {
            Content::Bytes(count) | Content::Items(count) => count,
            Content::UntilBreak | Content::Break => 0,
        };
        let end = usize::try_from(announced)
            .unwrap_or(usize::MAX)
            .saturating_add(self.position);
        if end > max_len {
            return Err(too_large(max_len));
        }
        match head.content {
            Content::Bytes(_) => self.position = end,
            Content::Items(0) => (),
            Content::Items(count) => return self.enter(Open::Items(count)),
            Content::UntilBreak => return self.enter(Open::UntilBreak),
            Content::Break => match self.open.pop() {
                Some(Open::UntilBreak) => (),
                _ => return Err(malformed("a break outside of what it could end")),
            },
        }
        self.leave_item();
        Ok(())
    }

    fn enter(&mut self, open: Open) -> Result<(), SyncError> {
        if self.open.len() == MAX_NESTING {
            return Err(malformed("data items are nested too deeply"));
        }
        self.open.push(open);
        Ok(())
    }

    /// An item is over, and with it all that it was the last of.
    fn leave_item(&mut self) {
        while let Some(Open::Items(count)) = self.open.last_mut() {
            *count -= 1;
            if *count > 0 {
                break;
            }
            self.open.pop();
        }
    }
}

/// The first bytes of a data item, which say what follows.
///
/// See <https://www.rfc-editor.org/rfc/rfc8949.html#section-3>.
struct Head {
    len: usize,
    content: Content,
}

enum Content {
    /// None for numbers and simple values.
    Bytes(u64),
    Items(u64),
    UntilBreak,
    Break,
}

impl Head {
    /// Returns `None` when some of it is missing.
    fn read(bytes: &[u8]) -> Result<Option<Self>, SyncError> {
        let Some((initial, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let (major, info) = (initial >> 5, initial & 0b11111);
        let argument_len = match info {
            0..=23 | 31 => 0,
            24..=27 => 1 << (info - 24),
            _ => return Err(malformed("a reserved head")),
        };
        let Some(argument) = rest.get(..argument_len) else {
            return Ok(None);
        };
        let argument = match argument_len {
            0 => u64::from(info),
            _ => argument
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        let content = match (major, info) {
            (0 | 1 | 6, 31) => return Err(malformed("a number or tag of indefinite length")),
            (2..=5, 31) => Content::UntilBreak,
            (7, 31) => Content::Break,
            (2 | 3, _) => Content::Bytes(argument),
            (4, _) => Content::Items(argument),
            (5, _) => Content::Items(argument.saturating_mul(2)),
            // A tag, and what it is about.
            (6, _) => Content::Items(1),
            _ => Content::Bytes(0),
        };
        Ok(Some(Self {
            len: 1 + argument_len,
            content,
        }))
    }
}

fn too_large(max_len: usize) -> SyncError {
    SyncError::UnexpectedBehaviour(format!("a message is larger than {max_len} bytes"))
}

fn malformed(what: &str) -> SyncError {
    SyncError::InvalidEncoding(what.to_string())
}

#[cfg(test)]
mod tests {
    use super::Frame;
    use crate::SyncError;

    #[test]
    fn a_frame_of_the_limit_is_taken_and_one_beyond_it_is_not() {
        // [1, [2, 3]], which come in by two parts.
        let bytes = [0x82, 1, 0x82, 2, 3];
        for max_len in 1..=6 {
            let mut frame = Frame::new(max_len);
            let taken = frame
                .wait(&bytes[..3])
                .and_then(|()| frame.parsable(&bytes));
            match max_len {
                ..5 => assert!(matches!(taken, Err(SyncError::UnexpectedBehaviour(_)))),
                5.. => assert_eq!(taken, Ok(Some(&bytes[..]))),
            }
        }
    }

    #[test]
    fn what_never_ends_is_an_error_before_it_comes_in() {
        let u64_max = [0xff; 8];
        for head in [0x5b, 0x7b, 0x9b, 0xbb] {
            let bytes = [&[head], &u64_max[..]].concat();
            assert!(matches!(
                Frame::new(1_000).wait(&bytes),
                Err(SyncError::UnexpectedBehaviour(_))
            ));
        }
    }

    #[test]
    fn no_more_items_are_nested_than_the_parser_takes() {
        for head in [0x81, 0x9f, 0xc1] {
            assert_eq!(Frame::new(1_000).wait(&[head; 256]), Ok(()));
            assert!(matches!(
                Frame::new(1_000).wait(&[head; 257]),
                Err(SyncError::InvalidEncoding(_))
            ));
        }
    }

    #[test]
    fn heads_that_mean_nothing_are_errors() {
        for bytes in [[0x1c, 0], [0x1f, 0], [0xff, 0], [0x81, 0xff], [0xdf, 0]] {
            assert!(matches!(
                Frame::new(1_000).wait(&bytes),
                Err(SyncError::InvalidEncoding(_))
            ));
        }
    }
}
