//! What it costs to transfer, to open streams, to connect, and to turn strangers away
//!
//! Two endpoints on a network that exists in the benchmark alone, so that nothing is measured but
//! the protocol, its cryptography and the copying between the two. It uses nothing that the crate
//! did not always have.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use criterion::{criterion_group, criterion_main, BatchSize, Criterion, Throughput};

use common::{
    initials::{deliver, initial, offer},
    net::{Net, Node},
    proto::{
        Connection, ConnectionHandle, Dir, Endpoint, Incoming, ServerConfig, StreamId, VarInt,
    },
};

const BULK: usize = 4 << 20;
const STREAMS: u64 = 10_000;
const CONNECTIONS: u64 = 20;
const INITIALS: u64 = 10_000;
const CAPACITY: u64 = 1_000;

criterion_group!(benches, bulk, streams, connections, flood);
criterion_main!(benches);

/// One stream of 4 MiB
fn bulk(c: &mut Criterion) {
    let mut group = c.benchmark_group("bulk");
    group.throughput(Throughput::Bytes(BULK as u64));
    group.sample_size(10);
    group.bench_function("4 MiB", |b| {
        b.iter_batched(connected, transfer, BatchSize::PerIteration)
    });
}

/// 10,000 streams of 16 bytes, as many at once as the server allows
fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("streams");
    group.throughput(Throughput::Elements(STREAMS));
    group.sample_size(10);
    group.bench_function("10000", |b| {
        b.iter_batched(connected, open_streams, BatchSize::PerIteration)
    });
}

/// 20 connections, one after the other: handshake, close
fn connections(c: &mut Criterion) {
    let mut group = c.benchmark_group("connections");
    group.throughput(Throughput::Elements(CONNECTIONS));
    group.sample_size(10);
    group.bench_function("20", |b| {
        b.iter_batched(|| Net::new(|_| {}), connect, BatchSize::PerIteration)
    });
}

/// 10,000 Initials that find an endpoint with as many attempts as it takes
fn flood(c: &mut Criterion) {
    let mut group = c.benchmark_group("flood");
    group.throughput(Throughput::Elements(INITIALS));
    group.sample_size(10);
    group.bench_function("10000 at capacity", |b| {
        b.iter_batched(full, turn_away, BatchSize::PerIteration)
    });
}

type Connected = (Net, ConnectionHandle, ConnectionHandle);

fn connected() -> Connected {
    let mut net = Net::new(|_| {});
    let (client, server) = net.connected();
    (net, client, server)
}

fn transfer((mut net, client, server): Connected) -> Net {
    let data = Bytes::from(vec![7; 64 << 10]);
    let id = client_of(&mut net, client)
        .streams()
        .open(Dir::Uni)
        .unwrap();
    let (mut written, mut read) = (0, 0);
    while read < BULK {
        while written < BULK {
            let Ok(len) = client_of(&mut net, client).send_stream(id).write(&data) else {
                break;
            };
            written += len;
        }
        assert!(net.step());
        read += read_some(&mut net, server, id);
    }
    net
}

fn open_streams((mut net, client, server): Connected) -> Net {
    let (mut opened, mut read) = (0, 0);
    while read < STREAMS {
        while opened < STREAMS {
            let connection = client_of(&mut net, client);
            let Some(id) = connection.streams().open(Dir::Uni) else {
                break;
            };
            let mut stream = connection.send_stream(id);
            stream.write(&[7; 16]).unwrap();
            stream.finish().unwrap();
            opened += 1;
        }
        assert!(net.step());
        while let Some(id) = accept(&mut net, server) {
            assert_eq!(read_some(&mut net, server, id), 16);
            read += 1;
        }
    }
    net
}

fn accept(net: &mut Net, server: ConnectionHandle) -> Option<StreamId> {
    server_of(net, server).streams().accept(Dir::Uni)
}

fn read_some(net: &mut Net, server: ConnectionHandle, id: StreamId) -> usize {
    let mut stream = server_of(net, server).recv_stream(id);
    let mut len = 0;
    let Ok(mut chunks) = stream.read(true) else {
        return 0;
    };
    while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
        len += chunk.bytes.len();
    }
    let _ = chunks.finalize();
    len
}

fn connect(mut net: Net) -> Net {
    for _ in 0..CONNECTIONS {
        let (client, server) = net.connected();
        let now = net.now;
        client_of(&mut net, client).close(now, VarInt::from_u32(0), Bytes::new());
        net.run_until(|net| {
            net.client.connections.is_empty() && !net.server.connections.contains_key(&server)
        });
    }
    net
}

fn turn_away(mut full: Full) -> Full {
    for _ in 0..INITIALS {
        let incoming = deliver(&mut full.server, full.now, &full.packet);
        assert!(black_box(incoming).is_none());
    }
    full
}

fn client_of(net: &mut Net, handle: ConnectionHandle) -> &mut Connection {
    net.client.connections.get_mut(&handle).unwrap()
}

fn server_of(net: &mut Net, handle: ConnectionHandle) -> &mut Connection {
    net.server.connections.get_mut(&handle).unwrap()
}

fn server(capacity: u64) -> Endpoint {
    let (cert, key) = common::certificate();
    let mut config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
    config.max_incoming(capacity as usize);
    Node::new("[::1]:2", Some(config)).endpoint
}

/// An endpoint without room for another attempt, and the first packet of one
struct Full {
    server: Endpoint,
    now: Instant,
    packet: Vec<u8>,
    _held: Vec<Incoming>,
}

fn full() -> Full {
    let now = Instant::now();
    let packet = initial(server(1), now, CAPACITY);
    let mut server = server(CAPACITY);
    let held = (0..CAPACITY).map(|number| offer(&mut server, now, number).unwrap());
    let _held = held.collect();
    Full {
        server,
        now,
        packet,
        _held,
    }
}
