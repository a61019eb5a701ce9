//! Peers of a QUIC connection that send what no honest one would: how much does a server keep for them, and does it live?

use std::future;
use std::time::Duration;

use anyhow::{Context, Result};
use iroh_quinn_proto::{Connection, Dir, Side, StreamId, TransportConfig, VarInt, WriteError};
use tokio::task::JoinSet;

use super::{AT_REST, Quick, Scenario};
use crate::owed::outlives;
use crate::run::Run;
use crate::wire::{Server, frame, number};

pub const MALFORMED_PARAMETERS: Scenario = Scenario {
    name: "malformed-parameters",
    about: "A peer begins to connect with a transport parameter that ends in the middle, and an honest one connects",
    event: "malformed attempt, and an honest one",
    defects: &["transport-parameter-panics"],
    quick: AT_REST,
    budget_bytes_per_event: 8.0,
    run: |run| Box::pin(send_malformed_parameters(run)),
};

pub const RETIRED_IDS: Scenario = Scenario {
    name: "retired-ids",
    about: "A peer issues a connection id over and over that is retired, and acknowledges nothing; refused, it connects again",
    event: "300 retired ids issued",
    defects: &["retire-cid-queue"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(issue_retired_ids(run)),
};

pub const STREAM_GAPS: Scenario = Scenario {
    name: "stream-gaps",
    about: "A peer sends every second byte of a stream, and then of another; refused, it connects again",
    event: "2,400 bytes sent with gaps between them",
    defects: &["assembler-gaps"],
    quick: Quick {
        events: 60,
        warmup_events: 12,
        ..HEAVY
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(leave_gaps(run)),
};

pub const EMPTY_DATAGRAMS: Scenario = Scenario {
    name: "empty-datagrams",
    about: "A peer sends datagrams without content to an application that reads none, which may wait in 16 KiB",
    event: "500 empty datagrams",
    defects: &["empty-datagrams"],
    // Warm: the server remembers as many of its packets, acknowledgements alone, as it ever does (1,000).
    quick: Quick {
        warmup_events: 160,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(send_empty_datagrams(run)),
};

pub const UNPERMITTED_STREAMS: Scenario = Scenario {
    name: "unpermitted-streams",
    about: "A peer opens more streams than it may, and an application starts a task for each; refused, it connects again",
    event: "16 streams beyond the limit",
    defects: &["streams-beyond-limit"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(open_unpermitted_streams(run)),
};

pub const STOPPED_STREAMS: Scenario = Scenario {
    name: "stopped-streams",
    about: "A peer fills a window of 16 KiB on a stream that is stopped and reset, then on one that nobody reads; \
            refused, it connects again",
    event: "two such pairs of streams",
    defects: &["stopped-streams-credit-twice"],
    quick: HEAVY,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(be_credited_twice(run)),
};

pub const FIRST_UNACKNOWLEDGED: Scenario = Scenario {
    name: "first-unacknowledged",
    about: "A server writes what a send window of 64 KiB lets it, to a peer that acknowledges all but the stream's first bytes",
    event: "100 ms of writing",
    defects: &["acked-data-retained"],
    quick: AT_REST,
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(acknowledge_all_but_the_first(run)),
};

/// For those that send more an event.
const HEAVY: Quick = Quick {
    events: 96,
    samples: 49,
    warmup_events: 24,
    ..AT_REST
};

const PADDING: u8 = 0x00;
const RESET_STREAM: u8 = 0x04;
const STREAM_WITH_OFFSET: u8 = 0x0e;
const MAX_STREAM_DATA: u8 = 0x11;
const NEW_CONNECTION_ID: u8 = 0x18;
const APPLICATION_CLOSE: u8 = 0x1d;

/// As many bytes as go into one packet.
const PART: usize = 1024;

/// What a peer may send at most before any of it is read, where that matters.
const WINDOW: usize = 16 * PART;

/// As many streams of a peer as a run of any size leaves open.
const MANY_STREAMS: u32 = 8192;

async fn send_malformed_parameters(run: &mut Run) -> Result<()> {
    /// The largest datagram: a value of one byte, which says that it has two.
    const MALFORMED: [u8; 3] = [0x20, 1, 0x44];
    let mut server = Server::new(TransportConfig::default());
    while run.next().await?.is_some() {
        outlives(|| server.knock(&MALFORMED))?;
        server.connect()?;
        server.send(&frame(APPLICATION_CLOSE, &[0, 0], b""));
    }
    Ok(())
}

async fn issue_retired_ids(run: &mut Run) -> Result<()> {
    /// Behind an id of eight bytes and its length: the token by which the peer resets a connection without state.
    const ID_AND_TOKEN: [u8; 25] = {
        let mut id_and_token = [7; 25];
        id_and_token[0] = 8;
        id_and_token
    };
    let issue =
        |number, retire_before| frame(NEW_CONNECTION_ID, &[number, retire_before], &ID_AND_TOKEN);
    // A packet that ended with the token would be that reset.
    let thirty = [issue(0, 0).repeat(30), vec![PADDING]].concat();
    let mut server = Server::new(TransportConfig::default());
    while run.next().await?.is_some() {
        if !server.is_connected() {
            server.connect()?;
            server.send(&issue(1, 1));
        }
        for _ in 0..10 {
            server.send(&thirty);
        }
    }
    Ok(())
}

async fn leave_gaps(run: &mut Run) -> Result<()> {
    const GAPS: u64 = 2400;
    const GAPS_IN_A_PACKET: usize = 20;
    let mut server = Server::new(with_many_streams());
    while let Some(event) = run.next().await? {
        server.connect()?;
        let stream = peers_stream(Dir::Uni, event);
        let bytes = (0..GAPS).map(|gap| frame(STREAM_WITH_OFFSET, &[stream, 2 * gap + 1, 1], b"x"));
        for packet in bytes.collect::<Vec<_>>().chunks(GAPS_IN_A_PACKET) {
            server.send(&packet.concat());
        }
    }
    Ok(())
}

async fn send_empty_datagrams(run: &mut Run) -> Result<()> {
    const EMPTY: [u8; 2] = [0x31, 0];
    let mut transport = TransportConfig::default();
    transport.datagram_receive_buffer_size(Some(WINDOW));
    let mut server = Server::new(transport);
    server.connect()?;
    while run.next().await?.is_some() {
        for _ in 0..20 {
            server.send(&EMPTY.repeat(25));
        }
    }
    Ok(())
}

async fn open_unpermitted_streams(run: &mut Run) -> Result<()> {
    /// How many a peer may have open by default.
    const PERMITTED: u64 = 100;
    let mut server = Server::new(TransportConfig::default());
    let mut handlers = JoinSet::new();
    while let Some(event) = run.next().await? {
        server.connect()?;
        let last = peers_stream(Dir::Bi, PERMITTED + 16 * (event + 1));
        server.send(&frame(MAX_STREAM_DATA, &[last, 1000], b""));
        let Some(connection) = server.connection() else {
            // It goes with its connection.
            handlers = JoinSet::new();
            continue;
        };
        while connection.streams().accept(Dir::Bi).is_some() {
            handlers.spawn(future::pending::<()>());
        }
    }
    Ok(())
}

async fn be_credited_twice(run: &mut Run) -> Result<()> {
    let mut transport = with_many_streams();
    let window = VarInt::try_from(WINDOW as u64)?;
    transport.receive_window(window);
    transport.stream_receive_window(window);
    let mut server = Server::new(transport);
    let mut streams = 0;
    while run.next().await?.is_some() {
        for _ in 0..2 {
            if !server.is_connected() {
                server.connect()?;
                streams = 0;
            }
            let stopped = peers_stream(Dir::Uni, streams);
            fill(&mut server, stopped);
            if let Some(connection) = server.connection() {
                let id = StreamId::new(Side::Client, Dir::Uni, streams);
                connection.recv_stream(id).stop(VarInt::from_u32(0))?;
            }
            server.send(&frame(RESET_STREAM, &[stopped, 0, WINDOW as u64], b""));
            fill(&mut server, peers_stream(Dir::Uni, streams + 1));
            streams += 2;
        }
    }
    Ok(())
}

async fn acknowledge_all_but_the_first(run: &mut Run) -> Result<()> {
    let mut transport = TransportConfig::default();
    transport.send_window(4 * WINDOW as u64);
    let mut server = Server::new(transport);
    server.connect()?;
    let connection = server.connection().context("it was just made")?;
    let stream = connection.streams().open(Dir::Uni);
    let stream = stream.context("the peer allows none")?;
    write(connection, stream, FIRST)?;
    let mut next = 0;
    while run.next().await?.is_some() {
        for _ in 0..10 {
            server.pass(Duration::from_millis(10));
            next = acknowledge(&mut server, next)?;
            let connection = server.connection().context("the server gives up")?;
            write(connection, stream, &[0; WINDOW])?;
        }
    }
    Ok(())
}

/// What the peer never acknowledges: nothing else looks like it.
const FIRST: &[u8; PART] = &[0xff; PART];

/// Has the peer read what the server sends, and acknowledge it but for [`FIRST`]. Each packet has a number of at least `next`;
/// returns the next such number.
fn acknowledge(server: &mut Server, mut next: u64) -> Result<u64> {
    const ACK: u8 = 0x02;
    const PING: [u8; 4] = [0x01, 0, 0, 0];
    let mut acks = Vec::new();
    for packet in server.send(&PING) {
        let number = number(&packet, next).context("no packet")?;
        next = number + 1;
        let is_first = packet.windows(100).any(|part| part == &FIRST[..100]);
        if !is_first {
            acks.push(frame(ACK, &[number, 0, 0, 0], b""));
        }
    }
    for packet in acks.chunks(30) {
        server.send(&packet.concat());
    }
    Ok(next)
}

/// Writes as much as the connection takes.
fn write(connection: &mut Connection, stream: StreamId, bytes: &[u8]) -> Result<()> {
    match connection.send_stream(stream).write(bytes) {
        Ok(_) | Err(WriteError::Blocked) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends as much on a stream as may be under way on it.
fn fill(server: &mut Server, stream: u64) {
    for offset in (0..WINDOW).step_by(PART) {
        let numbers = [stream, offset as u64, PART as u64];
        server.send(&frame(STREAM_WITH_OFFSET, &numbers, &[0; PART]));
    }
}

/// The id of a stream that the peer opens.
fn peers_stream(direction: Dir, index: u64) -> u64 {
    index << 2 | (direction as u64) << 1
}

fn with_many_streams() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport.max_concurrent_uni_streams(MANY_STREAMS.into());
    transport
}
