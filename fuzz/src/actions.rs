//! A server under whatever arrives and whatever its caller does, with a client that means it well beside strangers who do
//! not. After every action the server's figures must agree with what its caller holds; the crate's own debug assertions
//! tie them to its tables. In the end everything is let go of, and nothing may be left.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig,
    Incoming, ServerConfig, StreamId, Transmit, VarInt,
};

/// Something that happens to the server. A number picks one of those there are, if there are any.
#[derive(Arbitrary, Debug)]
pub enum Action {
    /// Bytes arrive.
    Arrives {
        from: u8,
        bytes: Vec<u8>,
    },
    /// A first packet arrives, in order but for what is encrypted.
    Knocks {
        from: u8,
        number: u8,
        token: Vec<u8>,
        version: Version,
        rest: Vec<u8>,
    },
    /// Caller's answers to an attempt.
    Accepts(u8),
    Refuses(u8),
    Retries(u8),
    Ignores(u8),
    Drops(u8),
    /// The client dials.
    Dials,
    /// Up to so many datagrams between client and server come through.
    Delivers(u8),
    Loses(u8),
    Repeats(u8),
    Swaps(u8),
    /// A bit of the next datagram is flipped.
    Damages {
        at: u16,
    },
    /// So many milliseconds go by, in steps that no timer is missed in.
    Passes(u16),
    /// Either side does something with one of its connections.
    Uses {
        side: Side,
        connection: u8,
        how: Use,
    },
    /// The server's caller withdraws its configuration, or gives it another.
    Configures(Option<Limits>),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
pub enum Side {
    Client,
    Server,
}

#[derive(Arbitrary, Debug)]
pub enum Use {
    Closes,
    Opens,
    Writes(u16),
    Finishes,
    Resets,
    Reads,
    Stops,
    SendsDatagram(u16),
    ReadsDatagrams,
    Pings,
}

#[derive(Arbitrary, Debug)]
pub enum Version {
    One,
    Other(u32),
}

/// What a server configuration bounds.
#[derive(Arbitrary, Debug, Clone, Copy)]
pub struct Limits {
    max_incoming: u8,
    buffer: u16,
    buffer_total: u16,
    timeout_ms: Option<u16>,
}

/// Plays the actions, and then clears up.
pub fn play(actions: &[Action]) {
    let mut world = World::new();
    for action in actions {
        world.act(action);
        world.check();
    }
    world.end();
}

/// How many datagrams wait for delivery at most; what comes then is lost.
const IN_FLIGHT_MAX: usize = 256;

/// How many connections the client starts at most, as each costs a handshake.
const DIALS_MAX: usize = 4;

/// Longer than any timer of a connection that is closed.
const DRAINED: Duration = Duration::from_secs(600);

struct World {
    now: Instant,
    client: Node,
    server: Node,
    offered: Vec<Incoming>,
    /// What travels, by whom it is for.
    in_flight: VecDeque<(Side, Vec<u8>)>,
    dials: usize,
    /// The largest that a limit ever was; a smaller one does not take back what is there.
    max_incoming: usize,
    buffer_total: u64,
    /// Of the server, as last seen.
    sums: [u64; 3],
}

struct Node {
    endpoint: Endpoint,
    connections: BTreeMap<usize, (ConnectionHandle, Connection)>,
    streams: Vec<(usize, StreamId)>,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            max_incoming: 8,
            buffer: 4096,
            buffer_total: 8192,
            timeout_ms: Some(30_000),
        };
        Self {
            now: Instant::now(),
            client: Node::new(None),
            server: Node::new(Some(server_config(limits))),
            offered: Vec::new(),
            in_flight: VecDeque::new(),
            dials: 0,
            max_incoming: limits.max_incoming.into(),
            buffer_total: limits.buffer_total.into(),
            sums: [0; 3],
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Arrives { from, bytes } => self.arrives(address(*from), bytes),
            Action::Knocks {
                from,
                number,
                token,
                version,
                rest,
            } => {
                let version = match version {
                    Version::One => 1,
                    Version::Other(version) => *version,
                };
                for datagram in knocks(*number, token, version, rest) {
                    self.arrives(address(*from), &datagram);
                }
            }
            Action::Accepts(which) => {
                if let Some(incoming) = pick(&mut self.offered, *which) {
                    self.accept(incoming);
                }
            }
            Action::Refuses(which) => {
                if let Some(incoming) = pick(&mut self.offered, *which) {
                    let mut buffer = Vec::new();
                    let transmit = self.server.endpoint.refuse(incoming, &mut buffer);
                    self.send(Side::Client, &transmit, &buffer);
                }
            }
            Action::Retries(which) => {
                if let Some(incoming) = pick(&mut self.offered, *which) {
                    let mut buffer = Vec::new();
                    match self.server.endpoint.retry(incoming, &mut buffer) {
                        Ok(transmit) => self.send(Side::Client, &transmit, &buffer),
                        Err(error) => self.offered.push(error.into_incoming()),
                    }
                }
            }
            Action::Ignores(which) => {
                if let Some(incoming) = pick(&mut self.offered, *which) {
                    self.server.endpoint.ignore(incoming);
                }
            }
            Action::Drops(which) => drop(pick(&mut self.offered, *which)),
            Action::Dials => self.dial(),
            Action::Delivers(count) => self.deliver(usize::from(*count)),
            Action::Loses(which) => {
                let len = self.in_flight.len().max(1);
                self.in_flight.remove(usize::from(*which) % len);
            }
            Action::Repeats(which) => {
                let len = self.in_flight.len().max(1);
                let again = self.in_flight.get(usize::from(*which) % len).cloned();
                self.in_flight.extend(again.filter(|_| len < IN_FLIGHT_MAX));
            }
            Action::Swaps(which) => {
                let len = self.in_flight.len();
                if len > 1 {
                    self.in_flight.swap(0, usize::from(*which) % len);
                }
            }
            Action::Damages { at } => {
                if let Some((_, datagram)) = self.in_flight.front_mut() {
                    let bits = datagram.len() * 8;
                    let bit = usize::from(*at) % bits;
                    datagram[bit / 8] ^= 1 << (bit % 8);
                }
            }
            Action::Passes(ms) => self.pass(Duration::from_millis((*ms).into())),
            Action::Uses {
                side,
                connection,
                how,
            } => {
                let now = self.now;
                self.node(*side).use_one(now, *connection, how);
                self.transmit();
            }
            Action::Configures(limits) => {
                if let Some(limits) = limits {
                    self.max_incoming = self.max_incoming.max(limits.max_incoming.into());
                    self.buffer_total = self.buffer_total.max(limits.buffer_total.into());
                }
                let config = limits.map(server_config);
                self.server.endpoint.set_server_config(config);
            }
        }
    }

    /// What the server says of its attempts agrees with those that its caller holds.
    fn check(&mut self) {
        let endpoint = &mut self.server.endpoint;
        let stats = endpoint.incoming_stats();
        let pending = self
            .offered
            .iter()
            .filter(|incoming| endpoint.is_pending(incoming))
            .count();
        // Those that were dropped count until the endpoint next looks.
        assert!(pending <= stats.pending, "{pending} held: {stats:?}");
        assert!(stats.pending <= self.max_incoming, "{stats:?}");
        assert!(stats.buffer_bytes <= self.buffer_total, "{stats:?}");
        assert_eq!(stats.buffer_bytes, endpoint.incoming_buffer_bytes());
        assert_eq!(stats.oldest.is_some(), stats.pending > 0, "{stats:?}");
        assert!(
            stats.first_datagram_bytes >= 1200 * stats.pending as u64,
            "{stats:?}"
        );
        let sums = [stats.expired, stats.reclaimed, stats.initials_ignored];
        assert!(
            sums.iter()
                .zip(&self.sums)
                .all(|(now, before)| now >= before),
            "{stats:?}"
        );
        self.sums = sums;
        assert_eq!(endpoint.open_connections(), self.server.connections.len());
        assert_eq!(
            self.client.endpoint.open_connections(),
            self.client.connections.len()
        );
    }

    /// Lets go of everything and lets all timers run out.
    fn end(mut self) {
        self.offered.clear();
        self.in_flight.clear();
        for node in [&mut self.client, &mut self.server] {
            for (_, connection) in node.connections.values_mut() {
                connection.close(self.now, VarInt::from_u32(0), Bytes::new());
            }
        }
        self.pass(DRAINED);
        self.server.endpoint.handle_timeout(self.now);
        let stats = self.server.endpoint.incoming_stats();
        assert_eq!(stats.pending, 0, "{stats:?}");
        assert_eq!(
            stats.first_datagram_bytes + stats.buffer_bytes,
            0,
            "{stats:?}"
        );
        for node in [&self.client, &self.server] {
            assert_eq!(node.endpoint.open_connections(), 0);
            assert!(node.connections.is_empty());
        }
    }

    fn node(&mut self, side: Side) -> &mut Node {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn dial(&mut self) {
        if self.dials == DIALS_MAX {
            return;
        }
        self.dials += 1;
        let endpoint = &mut self.client.endpoint;
        let dialled = endpoint.connect(self.now, CRYPTO.trusting.clone(), SERVER, "localhost");
        self.client.insert(dialled.expect("it can always dial"));
        self.transmit();
    }

    fn accept(&mut self, incoming: Incoming) {
        let mut buffer = Vec::new();
        let was_pending = self.server.endpoint.is_pending(&incoming);
        match self
            .server
            .endpoint
            .accept(incoming, self.now, &mut buffer, None)
        {
            Ok(accepted) => {
                assert!(was_pending, "accepted what was forgotten");
                self.server.insert(accepted);
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    self.send(Side::Client, &transmit, &buffer);
                }
            }
        }
        self.transmit();
    }

    /// A stranger's datagram, whose answers go nowhere.
    fn arrives(&mut self, from: SocketAddr, bytes: &[u8]) {
        let event = self.server.handle(self.now, from, bytes, &mut Vec::new());
        self.take(event);
        self.transmit();
    }

    fn deliver(&mut self, count: usize) {
        for _ in 0..count {
            let Some((to, datagram)) = self.in_flight.pop_front() else {
                break;
            };
            let (from, back) = match to {
                Side::Server => (CLIENT, Side::Client),
                Side::Client => (SERVER, Side::Server),
            };
            let (now, mut buffer) = (self.now, Vec::new());
            let event = self.node(to).handle(now, from, &datagram, &mut buffer);
            if let Some(transmit) = self.take(event) {
                self.send(back, &transmit, &buffer);
            }
            self.transmit();
        }
    }

    /// Keeps what is offered; gives back what is to be answered.
    fn take(&mut self, event: Option<DatagramEvent>) -> Option<Transmit> {
        match event? {
            DatagramEvent::NewConnection(incoming) => self.offered.push(incoming),
            DatagramEvent::Response(transmit) => return Some(transmit),
            DatagramEvent::ConnectionEvent(..) => unreachable!("the node has handled it"),
        }
        None
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next_timer().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            let now = self.now;
            for node in [&mut self.client, &mut self.server] {
                for (_, connection) in node.connections.values_mut() {
                    if connection.poll_timeout().is_some_and(|at| at <= now) {
                        connection.handle_timeout(now);
                    }
                }
                if node.endpoint.poll_timeout().is_some_and(|at| at <= now) {
                    node.endpoint.handle_timeout(now);
                }
            }
            self.transmit();
        }
        self.now = end;
    }

    fn next_timer(&mut self) -> Option<Instant> {
        let nodes = [&mut self.client, &mut self.server].into_iter();
        nodes.filter_map(Node::next_timer).min()
    }

    /// Puts on the way what the connections have to send.
    fn transmit(&mut self) {
        for (to, node) in [
            (Side::Server, &mut self.client),
            (Side::Client, &mut self.server),
        ] {
            for (transmit, buffer) in node.transmits(self.now) {
                put(&mut self.in_flight, to, &transmit, &buffer);
            }
        }
    }

    fn send(&mut self, to: Side, transmit: &Transmit, buffer: &[u8]) {
        put(&mut self.in_flight, to, transmit, buffer);
    }
}

impl Node {
    fn new(config: Option<Arc<ServerConfig>>) -> Self {
        let mut endpoint = EndpointConfig::default();
        endpoint.rng_seed(Some([7; 32]));
        Self {
            endpoint: Endpoint::new(Arc::new(endpoint), config, true, None),
            connections: BTreeMap::new(),
            streams: Vec::new(),
        }
    }

    fn insert(&mut self, (handle, connection): (ConnectionHandle, Connection)) {
        let before = self.connections.insert(handle.0, (handle, connection));
        assert!(before.is_none(), "a handle of two connections");
    }

    /// Takes a datagram in. What is for a connection reaches it; the rest is given back.
    fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Option<DatagramEvent> {
        match self
            .endpoint
            .handle(now, from, None, None, BytesMut::from(bytes), buffer)?
        {
            DatagramEvent::ConnectionEvent(handle, event) => {
                let (_, connection) = self
                    .connections
                    .get_mut(&handle.0)
                    .expect("it knows who is there");
                connection.handle_event(event);
                None
            }
            other => Some(other),
        }
    }

    fn next_timer(&mut self) -> Option<Instant> {
        let connections = self.connections.values_mut();
        let timers = connections.filter_map(|(_, connection)| connection.poll_timeout());
        timers.chain(self.endpoint.poll_timeout()).min()
    }

    fn transmits(&mut self, now: Instant) -> Vec<(Transmit, Vec<u8>)> {
        let Self {
            endpoint,
            connections,
            streams,
        } = self;
        let mut sent = Vec::new();
        connections.retain(|_, (handle, connection)| {
            let mut drained = false;
            while let Some(event) = connection.poll_endpoint_events() {
                drained |= event.is_drained();
                if let Some(event) = endpoint.handle_event(*handle, event) {
                    connection.handle_event(event);
                }
            }
            let mut buffer = Vec::new();
            while let Some(transmit) = connection.poll_transmit(now, 1, &mut buffer) {
                sent.push((transmit, std::mem::take(&mut buffer)));
            }
            while connection.poll().is_some() {}
            !drained
        });
        streams.retain(|(connection, _)| connections.contains_key(connection));
        sent
    }

    fn use_one(&mut self, now: Instant, which: u8, how: &Use) {
        let Some(&key) = self
            .connections
            .keys()
            .nth(usize::from(which) % self.connections.len().max(1))
        else {
            return;
        };
        let (_, connection) = self.connections.get_mut(&key).expect("it was just listed");
        let stream = self
            .streams
            .iter()
            .rev()
            .find(|(of, _)| *of == key)
            .map(|(_, id)| *id);
        match (how, stream) {
            (Use::Closes, _) => connection.close(now, VarInt::from_u32(0), Bytes::new()),
            (Use::Opens, _) => {
                let opened = connection.streams().open(Dir::Bi);
                self.streams.extend(opened.map(|id| (key, id)));
            }
            (Use::Reads, _) => {
                for dir in [Dir::Bi, Dir::Uni] {
                    while let Some(id) = connection.streams().accept(dir) {
                        self.streams.push((key, id));
                        if let Ok(mut chunks) = connection.recv_stream(id).read(true) {
                            while let Ok(Some(_)) = chunks.next(usize::MAX) {}
                            let _ = chunks.finalize();
                        }
                    }
                }
            }
            (Use::SendsDatagram(len), _) => {
                let content = vec![0; (*len).into()].into();
                let _ = connection.datagrams().send(content, true);
            }
            (Use::ReadsDatagrams, _) => while connection.datagrams().recv().is_some() {},
            (Use::Pings, _) => connection.ping(),
            (Use::Writes(len), Some(id)) => {
                let _ = connection.send_stream(id).write(&vec![0; (*len).into()]);
            }
            (Use::Finishes, Some(id)) => drop(connection.send_stream(id).finish()),
            (Use::Resets, Some(id)) => {
                drop(connection.send_stream(id).reset(VarInt::from_u32(0)));
            }
            (Use::Stops, Some(id)) => {
                drop(connection.recv_stream(id).stop(VarInt::from_u32(0)));
            }
            (Use::Writes(_) | Use::Finishes | Use::Resets | Use::Stops, None) => {}
        }
    }
}

fn put(in_flight: &mut VecDeque<(Side, Vec<u8>)>, to: Side, transmit: &Transmit, buffer: &[u8]) {
    let size = transmit.segment_size.unwrap_or(transmit.size).max(1);
    for datagram in buffer[..transmit.size].chunks(size) {
        if in_flight.len() < IN_FLIGHT_MAX {
            in_flight.push_back((to, datagram.to_vec()));
        }
    }
}

fn pick<T>(from: &mut Vec<T>, which: u8) -> Option<T> {
    let at = usize::from(which).checked_rem(from.len())?;
    Some(from.swap_remove(at))
}

/// A first packet with each value of the two masked bits, one of which is in order.
fn knocks(number: u8, token: &[u8], version: u32, rest: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const LEN: usize = 1200;
    let token = &token[..token.len().min(60)];
    (0..4).map(move |masked| {
        let mut datagram = vec![0xc0 | masked << 2];
        datagram.extend(version.to_be_bytes());
        datagram.extend([8, 0, 0, 0, 0, 0, 0, 0, number, 0, token.len() as u8]);
        datagram.extend(token);
        let left = (LEN - datagram.len() - 2) as u16;
        datagram.extend((0x4000 | left).to_be_bytes());
        datagram.extend(&rest[..rest.len().min(left.into())]);
        datagram.resize(LEN, 0);
        datagram
    })
}

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2);

/// One of a few strangers, the first of whom takes the client's address.
fn address(of: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, CLIENT.port() + u16::from(of % 4)))
}

fn server_config(limits: Limits) -> Arc<ServerConfig> {
    let mut config = CRYPTO.serving.clone();
    config
        .max_incoming(limits.max_incoming.into())
        .incoming_buffer_size(limits.buffer.into())
        .incoming_buffer_size_total(limits.buffer_total.into())
        .incoming_timeout(limits.timeout_ms.map(|ms| Duration::from_millis(ms.into())));
    Arc::new(config)
}

/// What costs too much to be made for every run.
struct Crypto {
    serving: ServerConfig,
    trusting: ClientConfig,
}

static CRYPTO: LazyLock<Crypto> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let cert = CertificateDer::from(made.cert);
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).expect("a certificate");
    Crypto {
        serving: ServerConfig::with_single_cert(vec![cert], key).expect("a key of the certificate"),
        trusting: ClientConfig::with_root_certificates(Arc::new(roots)).expect("a list to trust"),
    }
});
