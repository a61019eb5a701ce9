//! A stranger who begins a handshake with a server of noq-proto, and acknowledges nothing of it. Both are in memory, and time is
//! their own.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use noq_proto::congestion::CubicConfig;
use noq_proto::crypto::Keys;
use noq_proto::{
    Connection, ConnectionHandle, ConnectionId, DatagramEvent, Endpoint, FourTuple, PathId,
    TransportConfig,
};

use super::{AT_REST, Quick, Scenario};
use crate::quic::{self, SERVER_NAME};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "unacknowledged-initial",
    about: "A stranger says hello to a server of noq-proto, acknowledges no answer, and sends pings that are acknowledged",
    event: "40 pings acknowledged",
    defects: &["noq-sent-packets-span"],
    // Warm: the server keeps a thousand acknowledgements that it sent, and has room for four times as many. The vector of the
    // untouched one doubles twice behind that.
    quick: Quick {
        events: 600,
        warmup_events: 120,
        ..AT_REST
    },
    budget_bytes_per_event: 64.0,
    run: |run| Box::pin(ping(run)),
};

async fn ping(run: &mut Run) -> Result<()> {
    let mut stranger = Stranger::say_hello()?;
    while run.next().await?.is_some() {
        let answers: usize = (0..PINGS).map(|_| stranger.ping()).sum();
        ensure!(answers >= PINGS, "{answers} answers to {PINGS} pings");
    }
    Ok(())
}

const PINGS: usize = 40;

/// How long after one ping the next one comes. A run is over before the server sends anything again: with that it would keep a
/// thousand more.
const BETWEEN: Duration = Duration::from_micros(5);

/// So wide that a server answers each ping at once.
const CONGESTION_WINDOW: u64 = 1 << 30;

/// Bytes of a first packet, and of each that comes before a handshake is over.
const PACKET_LEN: usize = 1200;

/// A first packet whose number takes four bytes.
const INITIAL: u8 = 0xc3;

const VERSION: u32 = 1;

/// A server, and who sends packets of the client that it believes to hear.
struct Stranger {
    server: Endpoint,
    connection: (ConnectionHandle, Connection),
    now: Instant,
    /// Anybody can derive them, from the id that the client picked for the server.
    keys: Keys,
    /// Both ids, each behind its length.
    ids: Vec<u8>,
    packets: u32,
}

impl Stranger {
    /// Has a client say hello, of whom nothing else is heard.
    fn say_hello() -> Result<Self> {
        /// Past those of the hello.
        const FIRST_PING: u32 = 100;
        let mut transport = TransportConfig::default();
        let mut congestion = CubicConfig::default();
        congestion.initial_window(CONGESTION_WINDOW);
        transport
            .max_idle_timeout(None)
            .congestion_controller_factory(Arc::new(congestion));
        let (client, server) = quic::configs(transport)?;
        let now = Instant::now();
        let mut endpoint = Endpoint::new(Arc::default(), None, true);
        let (_, mut client) = endpoint.connect(now, client, peer(), SERVER_NAME)?;
        let mut hello = Vec::new();
        let said = client.poll_transmit(now, NonZeroUsize::MIN, &mut hello);
        ensure!(said.is_some(), "the client says nothing");
        let (id, ids) = ids(&hello).context("not a first packet")?;
        let keys = server.crypto.initial_keys(VERSION, id);
        let keys = keys.ok().context("no keys for this version")?;
        let mut server = Endpoint::new(Arc::default(), Some(Arc::new(server)), true);
        let mut answer = Vec::new();
        let path = FourTuple::new(peer(), None);
        let offered = server.handle(now, path, None, hello[..].into(), &mut answer);
        let Some(DatagramEvent::NewConnection(incoming)) = offered else {
            bail!("a hello that begins no connection");
        };
        let accepted = server.accept(incoming, now, &mut answer, None);
        let connection = accepted.ok().context("the server accepts nobody")?;
        Ok(Self {
            server,
            connection,
            now,
            keys,
            ids: ids.to_vec(),
            packets: FIRST_PING,
        })
    }

    /// Sends a ping, and says how many packets come back.
    fn ping(&mut self) -> usize {
        let packet = self.packet();
        self.now += BETWEEN;
        let path = FourTuple::new(peer(), None);
        let event = self
            .server
            .handle(self.now, path, None, packet[..].into(), &mut Vec::new());
        let (handle, connection) = &mut self.connection;
        if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
            connection.handle_event(event);
        }
        if connection.poll_timeout().is_some_and(|at| at <= self.now) {
            connection.handle_timeout(self.now);
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.server.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        while connection.poll().is_some() {}
        let mut sent = 0;
        let mut packet = Vec::new();
        while connection
            .poll_transmit(self.now, NonZeroUsize::MIN, &mut packet)
            .is_some()
        {
            sent += 1;
            packet.clear();
        }
        sent
    }

    /// The next packet, with a ping and nothing else.
    fn packet(&mut self) -> Vec<u8> {
        const PING: u8 = 0x01;
        const NO_TOKEN: u8 = 0;
        const LENGTH: usize = 2;
        self.packets += 1;
        let number = self.packets.to_be_bytes();
        let mut packet = vec![INITIAL];
        packet.extend(VERSION.to_be_bytes());
        packet.extend(&self.ids);
        packet.push(NO_TOKEN);
        let rest = PACKET_LEN - packet.len() - LENGTH;
        packet.extend((0x4000 | rest as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend(number);
        let header_len = packet.len();
        packet.push(PING);
        packet.resize(PACKET_LEN, 0);
        let (header, body) = (&self.keys.header.remote, &self.keys.packet.remote);
        body.encrypt(PathId::ZERO, self.packets.into(), &mut packet, header_len);
        header.encrypt(number_at, &mut packet);
        packet
    }
}

/// The id that a client picked for the server, and both ids with their lengths, of a first packet.
fn ids(packet: &[u8]) -> Option<(ConnectionId, &[u8])> {
    const BEHIND_THE_VERSION: usize = 5;
    let ids = packet.get(BEHIND_THE_VERSION..)?;
    let (of_server, rest) = ids.split_first()?;
    let of_server = rest.get(..usize::from(*of_server))?;
    let of_client = rest.get(of_server.len()..)?.first()?;
    let len = 1 + of_server.len() + 1 + usize::from(*of_client);
    Some((ConnectionId::new(of_server), ids.get(..len)?))
}

/// Where either of them is to the other.
fn peer() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 4433))
}
