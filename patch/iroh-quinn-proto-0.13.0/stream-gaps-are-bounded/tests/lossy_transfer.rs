//! A large transfer over a path that loses and reorders
#![cfg(feature = "rustls-ring")]

mod common;

use std::time::Duration;

use common::{
    net::Net,
    proto::{Dir, ReadError, VarInt, WriteError},
};

const LEN: usize = 10 << 20;

#[test]
fn ten_megabytes_arrive_whole_and_in_order() {
    let mut net = Net::new(|_| {});
    let (client, server) = net.connected();
    let mut random = 1u64;
    net.link = Box::new(move |_| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
        let (lost, jitter) = ((random >> 32) % 50 == 0, (random >> 40) % 5);
        (!lost).then(|| Duration::from_millis(10 + jitter))
    });

    let data: Vec<u8> = (0..LEN).map(|i| (i ^ i >> 8 ^ i >> 16) as u8).collect();
    let connection = net.client.connections.get_mut(&client).unwrap();
    let id = connection.streams().open(Dir::Uni).unwrap();
    let (mut written, mut received) = (0, Vec::new());
    loop {
        let connection = net.client.connections.get_mut(&client).unwrap();
        assert!(!connection.is_closed());
        let mut stream = connection.send_stream(id);
        while written < LEN {
            match stream.write(&data[written..]) {
                Ok(len) => written += len,
                Err(WriteError::Blocked) => break,
                Err(error) => panic!("{error}"),
            }
            if written == LEN {
                stream.finish().unwrap();
            }
        }
        assert!(net.step(), "nothing happens any more");
        let connection = net.server.connections.get_mut(&server).unwrap();
        if let Ok(mut chunks) = connection.recv_stream(id).read(true) {
            let end = loop {
                match chunks.next(usize::MAX) {
                    Ok(Some(chunk)) => received.extend_from_slice(&chunk.bytes),
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
    assert!(received == data, "not what was sent");
    let lost = net.client.connections[&client].stats().path.lost_packets;
    assert!(lost > 10, "only {lost} packets were lost");
    let client = net.client.connections.get_mut(&client).unwrap();
    client.close(net.now, VarInt::from_u32(0), Default::default());
}
