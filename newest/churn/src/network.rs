//! A connection of noq-proto between two ends in memory, whose client changes its addresses. Time is their own.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use noq_proto::{
    Connection, ConnectionHandle, DatagramEvent, Dir, EcnCodepoint, Endpoint, EndpointConfig,
    Event, FourTuple, PathId, PathStatus, StreamEvent, StreamId, Transmit, TransportConfig,
};
use rand::Rng;
use rand::rngs::StdRng;

use crate::quic::{self, SERVER_NAME};

/// Milliseconds for which a packet is under way.
const LATENCY_MS: Range<u64> = 5..60;

/// As many addresses does the client have at a time, each with a path of its own.
const ADDRESSES: usize = 3;

/// Bytes that an end writes at a time.
const WRITTEN: usize = 1 << 10;

const SERVER_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4433);

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// A client, a server and what is between them.
pub struct Network {
    now: Instant,
    pub rng: StdRng,
    /// Which part of all packets is lost.
    pub loss: f64,
    ends: [End; 2],
    /// By when they arrive, and in which order they were sent.
    under_way: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
    /// Of the client, each with the path from there, the oldest first.
    addresses: VecDeque<(IpAddr, PathId)>,
    addresses_had: u32,
    /// From which all of them are seen.
    port: u16,
    /// Whether somebody copies what the client sends, and sends each packet on from another port, where nobody answers, before
    /// the client's own is there.
    pub is_copied: bool,
    port_of_copy: u16,
    pub has_lost_its_connection: bool,
}

struct End {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    bytes_read: usize,
}

struct Packet {
    to: usize,
    path: FourTuple,
    ecn: Option<EcnCodepoint>,
    data: Vec<u8>,
}

impl Network {
    /// Has them connect, with as many paths as iroh has, and its times. No packet is lost, until [`Self::loss`] says otherwise.
    ///
    /// # Errors
    ///
    /// When they do not connect.
    pub fn connected(rng: StdRng) -> Result<Self> {
        let mut transport = TransportConfig::default();
        transport
            .default_path_max_idle_timeout(Some(Duration::from_secs(15)))
            .default_path_keep_alive_interval(Some(Duration::from_secs(5)));
        Self::connected_by(rng, transport)
    }

    /// The same, but that an end may be idle for as long as it likes, and keeps nothing alive.
    ///
    /// # Errors
    ///
    /// When they do not connect.
    pub fn connected_in_silence(rng: StdRng) -> Result<Self> {
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(None);
        Self::connected_by(rng, transport)
    }

    fn connected_by(mut rng: StdRng, mut transport: TransportConfig) -> Result<Self> {
        const LONG_ENOUGH: Duration = Duration::from_secs(3);
        transport.max_concurrent_multipath_paths(8);
        let (client, server) = quic::configs(transport)?;
        let mut end = |server| {
            let mut config = EndpointConfig::default();
            config.rng_seed(Some(rng.r#gen()));
            End {
                endpoint: Endpoint::new(Arc::new(config), server, true),
                connection: None,
                bytes_read: 0,
            }
        };
        let mut network = Self {
            now: Instant::now(),
            ends: [end(None), end(Some(Arc::new(server)))],
            rng,
            loss: 0.0,
            under_way: BTreeMap::new(),
            sent: 0,
            addresses: VecDeque::from([(address(0), PathId::ZERO)]),
            addresses_had: 1,
            port: FIRST_PORT,
            is_copied: false,
            port_of_copy: 0,
            has_lost_its_connection: false,
        };
        let end = &mut network.ends[CLIENT];
        let to_server = end
            .endpoint
            .connect(network.now, client, SERVER_ADDR, SERVER_NAME)?;
        end.connection = Some(to_server);
        network.run(LONG_ENOUGH);
        for end in &network.ends {
            let (_, connection) = end.connection.as_ref().context("nobody knocked")?;
            ensure!(connection.is_multipath_negotiated(), "not connected");
        }
        Ok(network)
    }

    /// Has each end write something.
    pub fn write(&mut self) {
        for end in &mut self.ends {
            end.write();
        }
    }

    /// Has the server write something.
    pub fn tell_the_client(&mut self) {
        self.ends[SERVER].write();
    }

    /// How often the client has read what an end writes at a time.
    pub fn heard_by_the_client(&self) -> usize {
        self.ends[CLIENT].bytes_read / WRITTEN
    }

    /// Gives the client another port, as a NAT does that has forgotten it.
    pub fn change_port(&mut self) {
        self.port = self.port.checked_add(1).unwrap_or(FIRST_PORT);
    }

    /// Has the client open a path from an address that it never had, and take away its oldest address and the path from there.
    /// Whether it could.
    pub fn change_interface(&mut self) -> bool {
        let end = &mut self.ends[CLIENT];
        let Some((_, connection)) = &mut end.connection else {
            return false;
        };
        let address = address(self.addresses_had);
        let path = FourTuple::new(SERVER_ADDR, Some(address));
        // Refused where too many closed paths have not gone yet
        let Ok(id) = connection.open_path(path, PathStatus::Available, self.now) else {
            return false;
        };
        self.addresses_had += 1;
        self.addresses.push_back((address, id));
        if self.addresses.len() > ADDRESSES
            && let Some((_, oldest)) = self.addresses.pop_front()
        {
            // It may have timed out already
            let _ = connection.close_path(self.now, oldest, 0u8.into());
        }
        true
    }

    /// Lets so much of their time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drive(CLIENT);
            self.drive(SERVER);
            let connections = self.ends.iter().filter_map(|end| end.connection.as_ref());
            let next = connections
                .filter_map(|(_, connection)| connection.poll_timeout())
                .chain(self.under_way.keys().next().map(|(at, _)| *at))
                .min();
            match next {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            while let Some(first) = self.under_way.first_entry()
                && first.key().0 <= self.now
            {
                let packet = first.remove();
                self.ends[packet.to].receive(self.now, packet);
            }
        }
        self.now = end;
    }

    fn drive(&mut self, from: usize) {
        const DATAGRAMS: NonZeroUsize = NonZeroUsize::new(10).unwrap();
        let end = &mut self.ends[from];
        self.has_lost_its_connection |= end.turn(self.now);
        let mut buf = Vec::new();
        while let Some((_, connection)) = &mut self.ends[from].connection
            && let Some(transmit) = connection.poll_transmit(self.now, DATAGRAMS, &mut buf)
        {
            self.send(from, &transmit, &buf[..transmit.size]);
            buf.clear();
        }
    }

    fn send(&mut self, from: usize, transmit: &Transmit, data: &[u8]) {
        // What names no address goes by the newest, as by a default route
        let newest = self.addresses[self.addresses.len() - 1].0;
        let client = match from {
            CLIENT => SocketAddr::new(transmit.src_ip.unwrap_or(newest), self.port),
            _ => transmit.destination,
        };
        let path = match from {
            CLIENT => FourTuple::new(self.seen_from(client), Some(SERVER_ADDR.ip())),
            _ => FourTuple::new(SERVER_ADDR, Some(client.ip())),
        };
        let mut addresses = self.addresses.iter().map(|(address, _)| *address);
        let is_there = client.port() == self.port && addresses.any(|has| has == client.ip());
        for packet in data.chunks(transmit.segment_size.unwrap_or(data.len())) {
            if !is_there || self.rng.gen_bool(self.loss) {
                continue;
            }
            let latency = Duration::from_millis(self.rng.gen_range(LATENCY_MS));
            let packet = Packet {
                to: 1 - from,
                path,
                ecn: transmit.ecn,
                data: packet.to_vec(),
            };
            self.under_way
                .insert((self.now + latency, self.sent), packet);
            self.sent += 1;
        }
    }

    /// Where the server sees what the client sends from there.
    fn seen_from(&mut self, client: SocketAddr) -> SocketAddr {
        if !self.is_copied {
            return client;
        }
        self.port_of_copy = self.port_of_copy % (FIRST_PORT - 1) + 1;
        SocketAddr::new(client.ip(), self.port_of_copy)
    }
}

impl End {
    fn write(&mut self) {
        let Some((_, connection)) = &mut self.connection else {
            return;
        };
        // Where the other end has too many that are not read yet, the next change will do
        if let Some(id) = connection.streams().open(Dir::Uni) {
            let mut stream = connection.send_stream(id);
            let _ = stream.write(&[0; WRITTEN]);
            let _ = stream.finish();
        }
    }

    fn receive(&mut self, now: Instant, packet: Packet) {
        let Packet { path, ecn, .. } = packet;
        let mut answer = Vec::new();
        let data = packet.data[..].into();
        let event = self.endpoint.handle(now, path, ecn, data, &mut answer);
        match (event, &mut self.connection) {
            (Some(DatagramEvent::ConnectionEvent(_, event)), Some((_, connection))) => {
                connection.handle_event(event);
            }
            (Some(DatagramEvent::NewConnection(incoming)), none @ None) => {
                *none = self.endpoint.accept(incoming, now, &mut answer, None).ok();
            }
            _ => {}
        }
    }

    /// Does what a driver does, but send. Whether the connection was lost.
    fn turn(&mut self, now: Instant) -> bool {
        let Some((handle, connection)) = &mut self.connection else {
            return false;
        };
        if connection.poll_timeout().is_some_and(|due| due <= now) {
            connection.handle_timeout(now);
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        while let Some(event) = connection.poll() {
            match event {
                Event::ConnectionLost { .. } => return true,
                Event::Stream(StreamEvent::Opened { dir }) => {
                    while let Some(id) = connection.streams().accept(dir) {
                        self.bytes_read += read(connection, id);
                    }
                }
                Event::Stream(StreamEvent::Readable { id }) => {
                    self.bytes_read += read(connection, id);
                }
                _ => {}
            }
        }
        false
    }
}

/// The first of the client's. Below are those of copies.
const FIRST_PORT: u16 = 1024;

/// One of the client's, from 0.
fn address(number: u32) -> IpAddr {
    const FIRST: u32 = Ipv4Addr::new(10, 0, 0, 1).to_bits();
    IpAddr::from(Ipv4Addr::from_bits(FIRST + number))
}

/// Reads what there is; how many bytes.
fn read(connection: &mut Connection, id: StreamId) -> usize {
    let mut stream = connection.recv_stream(id);
    let mut bytes = 0;
    if let Ok(mut chunks) = stream.read(true) {
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            bytes += chunk.bytes.len();
        }
        let _ = chunks.finalize();
    }
    bytes
}
