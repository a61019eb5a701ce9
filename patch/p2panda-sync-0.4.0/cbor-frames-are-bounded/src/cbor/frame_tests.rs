// SPDX-License-Identifier: MIT OR Apache-2.0

//! Frames that come in piece by piece, end late, or never.
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use p2panda_core::cbor::encode_cbor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use crate::SyncError;
use crate::cbor::CborCodec;

const MIB: usize = 1024 * 1024;

/// The limit of a codec without settings.
const LIMIT: usize = 16 * MIB;

#[test]
fn a_string_that_is_announced_beyond_the_limit_is_refused() {
    // A text of 64 MiB.
    let refused_at = drip::<String>(&[0x7a, 4, 0, 0, 0], &[b'a'; MIB]);
    assert!(refused_at <= LIMIT + MIB, "{refused_at} bytes were held");
}

#[test]
fn a_string_that_goes_on_for_ever_is_refused_at_the_limit() {
    // A text without an announced length, in chunks of 65,532 bytes.
    let chunk = [&[0x79, 0xff, 0xfc], [b'a'; 0xfffc].as_slice(), &[0x60]].concat();
    let refused_at = drip::<String>(&[0x7f], &chunk.repeat(16));
    assert!(refused_at <= LIMIT + MIB, "{refused_at} bytes were held");
}

#[test]
fn a_list_that_goes_on_for_ever_is_refused_at_the_limit() {
    let refused_at = drip::<Vec<bool>>(&[0x9f], &vec![0xf5; LIMIT]);
    assert!(refused_at <= LIMIT + MIB, "{refused_at} bytes were held");
}

#[test]
fn a_frame_that_drips_in_is_parsed_twice_at_most() {
    const ITEMS: usize = 2_000;
    let frame = encode_cbor(&vec![1_u8; ITEMS]).unwrap();
    let mut codec = CborCodec::<Vec<Counted>>::new();
    let mut buffer = BytesMut::new();
    let (last, head) = frame.split_last().unwrap();
    for byte in head {
        buffer.extend_from_slice(&[*byte]);
        assert!(codec.decode(&mut buffer).unwrap().is_none());
    }
    buffer.extend_from_slice(&[*last]);

    let message = codec.decode(&mut buffer).unwrap().expect("all is there");
    assert_eq!(message.len(), ITEMS);
    let parsed = PARSED.get();
    assert!(parsed <= 2 * ITEMS, "{parsed} items of {ITEMS} were parsed");
}

#[test]
fn messages_are_the_same_however_they_are_cut() {
    let messages = [
        Message::Nothing,
        Message::Text("x".repeat(300)),
        Message::Bytes(vec![7; 500], None),
        Message::Bytes(vec![], Some(vec![200; 70])),
        Message::Table(BTreeMap::from([
            (-70_000, vec![]),
            (3, vec![vec![0.5, f64::MAX], vec![]]),
        ])),
        Message::Nothing,
    ];
    let encoded: Vec<_> = messages.iter().map(|m| encode_cbor(m).unwrap()).collect();
    for len in 1..encoded.concat().len() {
        assert_eq!(decode(&encoded.concat(), len), Ok(messages.to_vec()));
    }
}

#[test]
fn items_of_indefinite_length_and_tags_are_followed() {
    // [_ (_ "he", "llo"), tag 258 "!"], and once more empty.
    let bytes = [
        0x9f, 0x7f, 0x62, b'h', b'e', 0x63, b'l', b'l', b'o', 0xff, 0xd9, 1, 2, 0x61, b'!', 0xff,
        0x9f, 0xff,
    ];
    let expected = vec![vec!["hello".to_string(), "!".to_string()], vec![]];
    for len in 1..=bytes.len() {
        assert_eq!(decode(&bytes, len), Ok(expected.clone()), "by {len}");
    }
}

#[test]
fn garbage_is_an_error_or_unfinished_however_it_is_cut() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for _ in 0..5_000 {
        let bytes: Vec<u8> = (0..24).map(|_| random()).collect();
        for len in [1, 5, bytes.len()] {
            let _ = decode::<Message>(&bytes, len);
            let _ = decode::<Vec<Option<Vec<String>>>>(&bytes, len);
        }
    }
}

/// Feeds the beginning of a frame, and then the same part again and again until it is refused.
/// Returns how many bytes were held by then, at most about twice the limit.
fn drip<M>(head: &[u8], part: &[u8]) -> usize
where
    M: Serialize + DeserializeOwned + Debug,
{
    let mut codec = CborCodec::<M>::new();
    let mut buffer = BytesMut::from(head);
    while buffer.len() < 2 * LIMIT {
        match codec.decode(&mut buffer) {
            Ok(None) => buffer.extend_from_slice(part),
            Ok(Some(_)) => panic!("the frame does not end"),
            Err(SyncError::UnexpectedBehaviour(_)) => break,
            Err(err) => panic!("{err}"),
        }
    }
    buffer.len()
}

/// Decodes all messages in bytes that come in by so many at a time.
fn decode<M>(bytes: &[u8], len: usize) -> Result<Vec<M>, SyncError>
where
    M: Serialize + DeserializeOwned,
{
    let mut codec = CborCodec::new();
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    for part in bytes.chunks(len) {
        buffer.extend_from_slice(part);
        while let Some(message) = codec.decode(&mut buffer)? {
            messages.push(message);
        }
    }
    Ok(messages)
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", content = "value")]
enum Message {
    Nothing,
    Text(String),
    Bytes(Vec<u8>, Option<Vec<u8>>),
    Table(BTreeMap<i64, Vec<Vec<f64>>>),
}

thread_local! {
    static PARSED: Cell<usize> = const { Cell::new(0) };
}

/// A number that counts how often one was parsed.
#[derive(Serialize)]
struct Counted(u8);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PARSED.set(PARSED.get() + 1);
        u8::deserialize(deserializer).map(Self)
    }
}
