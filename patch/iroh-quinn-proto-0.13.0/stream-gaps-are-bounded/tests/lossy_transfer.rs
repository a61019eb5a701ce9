//! A large transfer over a path that loses and reorders
#![cfg(feature = "rustls-ring")]

mod common;

use std::time::Duration;

use common::{
    net::Net,
    proto::{Dir, ReadError, VarInt, WriteError},
};

const MIB: usize = 1 << 20;

#[test]
fn ten_megabytes_arrive_whole_and_in_order() {
    transfer(10 * MIB);
}

#[test]
#[ignore = "takes minutes; `cargo test --test lossy_transfer -- --ignored` runs it"]
fn a_gibibyte_arrives_whole_and_in_order() {
    transfer(1024 * MIB);
}

/// Sends `len` bytes on one stream, of which every 50th datagram is lost and others overtake it
fn transfer(len: usize) {
    let mut net = Net::new(|_| {});
    let (client, server) = net.connected();
    let mut random = 1u64;
    net.link = Box::new(move |_| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
        let (lost, jitter) = ((random >> 32) % 50 == 0, (random >> 40) % 5);
        (!lost).then(|| Duration::from_millis(10 + jitter))
    });

    let pattern = Pattern::new();
    let connection = net.client.connections.get_mut(&client).unwrap();
    let id = connection.streams().open(Dir::Uni).unwrap();
    let (mut written, mut received) = (0, 0);
    loop {
        let connection = net.client.connections.get_mut(&client).unwrap();
        assert!(!connection.is_closed());
        let mut stream = connection.send_stream(id);
        while written < len {
            match stream.write(pattern.at(written, len - written)) {
                Ok(n) => written += n,
                Err(WriteError::Blocked) => break,
                Err(error) => panic!("{error}"),
            }
            if written == len {
                stream.finish().unwrap();
            }
        }
        assert!(net.step(), "nothing happens any more");
        let connection = net.server.connections.get_mut(&server).unwrap();
        if let Ok(mut chunks) = connection.recv_stream(id).read(true) {
            let end = loop {
                match chunks.next(Pattern::PIECE) {
                    Ok(Some(chunk)) => {
                        let sent = pattern.at(received, chunk.bytes.len());
                        assert!(chunk.bytes == sent, "not what was sent, behind {received}");
                        received += chunk.bytes.len();
                    }
                    Ok(None) => break true,
                    Err(ReadError::Blocked) => break false,
                    Err(error) => panic!("{error}"),
                }
            };
            let _ = chunks.finalize();
            if end {
                break;
            }
        }
    }
    assert_eq!(received, len);
    let lost = net.client.connections[&client].stats().path.lost_packets;
    assert!(lost > 10, "only {lost} packets were lost");
    let client = net.client.connections.get_mut(&client).unwrap();
    client.close(net.now, VarInt::from_u32(0), Default::default());
}

/// What is sent: bytes that tell their place, as they repeat only after a prime number of them
struct Pattern(Vec<u8>);

impl Pattern {
    const PERIOD: usize = 65_521;
    /// As much as can be asked for at once
    const PIECE: usize = 64 << 10;

    fn new() -> Self {
        let bytes = (0..Self::PERIOD + Self::PIECE).map(|i| i % Self::PERIOD);
        Self(bytes.map(|i| (i ^ i >> 8) as u8).collect())
    }

    /// What stands at `offset`, as far as `PIECE`
    fn at(&self, offset: usize, len: usize) -> &[u8] {
        &self.0[offset % Self::PERIOD..][..len.min(Self::PIECE)]
    }
}
