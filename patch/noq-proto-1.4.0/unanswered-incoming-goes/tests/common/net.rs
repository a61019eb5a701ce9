//! A client and a server on a network that exists in the test alone, with its own clock

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    certificate,
    proto::{
        ClientConfig, Connection, ConnectionHandle, DatagramEvent, Endpoint, EndpointConfig,
        FourTuple, Incoming, ServerConfig, Transmit,
    },
};

/// Says how long a datagram travels; `None` loses it
pub type Link = Box<dyn FnMut(&[u8]) -> Option<Duration>>;

/// Two endpoints, the datagrams between them, and the time it is for them
pub struct Net {
    pub now: Instant,
    pub client: Node,
    pub server: Node,
    pub client_config: ClientConfig,
    /// How long a datagram travels; `None` loses it
    pub link: Link,
    /// By arrival, and by number where several arrive at once
    in_flight: BTreeMap<(Instant, u64), (SocketAddr, Vec<u8>)>,
    sent: u64,
}

/// An endpoint with its connections
pub struct Node {
    pub addr: SocketAddr,
    pub endpoint: Endpoint,
    pub connections: BTreeMap<ConnectionHandle, Connection>,
    /// Attempts that wait for the test to accept them
    pub offered: Vec<Incoming>,
}

impl Net {
    /// A network without loss and 10 ms long
    pub fn new(configure: impl FnOnce(&mut ServerConfig)) -> Self {
        let (cert, key) = certificate();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.clone()).unwrap();
        let mut config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
        configure(&mut config);
        Self {
            now: Instant::now(),
            client: Node::new("[::1]:1", None),
            server: Node::new("[::1]:2", Some(config)),
            client_config: ClientConfig::with_root_certificates(Arc::new(roots)).unwrap(),
            link: Box::new(|_| Some(Duration::from_millis(10))),
            in_flight: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Starts a connection at the client
    pub fn connect(&mut self) -> ConnectionHandle {
        let (config, to) = (self.client_config.clone(), self.server.addr);
        let client = &mut self.client;
        let connected = client.endpoint.connect(self.now, config, to, "localhost");
        let (handle, connection) = connected.unwrap();
        client.connections.insert(handle, connection);
        handle
    }

    /// Starts a connection, and runs until the server is offered it
    pub fn offer(&mut self) -> (ConnectionHandle, Incoming) {
        let handle = self.connect();
        self.run_until(|net| !net.server.offered.is_empty());
        (handle, self.server.offered.remove(0))
    }

    /// Accepts an attempt at the server
    pub fn accept(&mut self, incoming: Incoming) -> ConnectionHandle {
        let endpoint = &mut self.server.endpoint;
        let accepted = endpoint.accept(incoming, self.now, &mut Vec::new(), None);
        let (handle, connection) = accepted.map_err(|e| e.cause).unwrap();
        self.server.connections.insert(handle, connection);
        handle
    }

    /// A connection with the handshake behind it: the client's handle, and the server's
    pub fn connected(&mut self) -> (ConnectionHandle, ConnectionHandle) {
        let (client, incoming) = self.offer();
        let server = self.accept(incoming);
        self.run_until(|net| {
            !net.client.connections[&client].is_handshaking()
                && !net.server.connections[&server].is_handshaking()
        });
        (client, server)
    }

    /// Runs until something is so; panics if that takes more than an hour of the network's time
    pub fn run_until(&mut self, done: impl Fn(&mut Self) -> bool) {
        let deadline = self.now + Duration::from_secs(3600);
        while !done(self) {
            assert!(self.step() && self.now < deadline, "it never comes");
        }
    }

    /// Runs for a while
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.transmit();
            match self.next() {
                Some(next) if next <= end => self.step(),
                _ => break,
            };
        }
        self.now = end;
    }

    /// Lets the clock go to what happens next; `false` if nothing ever does
    pub fn step(&mut self) -> bool {
        self.transmit();
        let Some(next) = self.next() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(datagram) = self.in_flight.first_entry() {
            if datagram.key().0 > self.now {
                break;
            }
            let (to, contents) = datagram.remove();
            let from_client = to == self.server.addr;
            let (from, node) = match from_client {
                true => (self.client.addr, &mut self.server),
                false => (self.server.addr, &mut self.client),
            };
            let mut response = Vec::new();
            if let Some(transmit) = node.receive(self.now, from, &contents, &mut response) {
                self.send(transmit, response);
            }
        }
        for node in [&mut self.client, &mut self.server] {
            for connection in node.connections.values_mut() {
                if connection.poll_timeout().is_some_and(|at| at <= self.now) {
                    connection.handle_timeout(self.now);
                }
            }
        }
        self.transmit();
        true
    }

    /// Puts on the network what the connections have to send
    pub fn transmit(&mut self) {
        for server in [false, true] {
            let node = match server {
                true => &mut self.server,
                false => &mut self.client,
            };
            for (transmit, contents) in node.send(self.now) {
                self.send(transmit, contents);
            }
        }
    }

    /// Puts what an endpoint or a connection wants to send on the network
    pub fn send(&mut self, transmit: Transmit, contents: Vec<u8>) {
        let size = transmit.segment_size.unwrap_or(transmit.size);
        for datagram in contents[..transmit.size].chunks(size) {
            self.sent += 1;
            if let Some(delay) = (self.link)(datagram) {
                let at = (self.now + delay, self.sent);
                let datagram = (transmit.destination, datagram.to_vec());
                self.in_flight.insert(at, datagram);
            }
        }
    }

    fn next(&mut self) -> Option<Instant> {
        let arrival = self.in_flight.keys().next().map(|&(at, _)| at);
        let nodes = [&mut self.client, &mut self.server].into_iter();
        let timeouts = nodes.flat_map(|node| node.connections.values_mut());
        let timeouts = timeouts.filter_map(|connection| connection.poll_timeout());
        timeouts.chain(arrival).min()
    }
}

impl Node {
    pub fn new(addr: &str, config: Option<ServerConfig>) -> Self {
        let endpoint_config = Arc::new(EndpointConfig::default());
        Self {
            addr: addr.parse().unwrap(),
            endpoint: Endpoint::new(endpoint_config, config.map(Arc::new), true),
            connections: BTreeMap::new(),
            offered: Vec::new(),
        }
    }

    /// Takes a datagram in; gives back what the endpoint answers by itself
    fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        response: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let event = self.endpoint.handle(
            now,
            FourTuple::from_remote(from),
            None,
            datagram.into(),
            response,
        )?;
        match event {
            DatagramEvent::NewConnection(incoming) => self.offered.push(incoming),
            DatagramEvent::ConnectionEvent(handle, event) => {
                if let Some(connection) = self.connections.get_mut(&handle) {
                    connection.handle_event(event);
                }
            }
            DatagramEvent::Response(transmit) => return Some(transmit),
        }
        None
    }

    fn send(&mut self, now: Instant) -> Vec<(Transmit, Vec<u8>)> {
        let mut sent = Vec::new();
        let mut drained = Vec::new();
        for (&handle, connection) in &mut self.connections {
            while let Some(event) = connection.poll_endpoint_events() {
                if event.is_drained() {
                    drained.push(handle);
                }
                if let Some(event) = self.endpoint.handle_event(handle, event) {
                    connection.handle_event(event);
                }
            }
            let mut contents = Vec::new();
            while let Some(transmit) =
                connection.poll_transmit(now, NonZeroUsize::MIN, &mut contents)
            {
                sent.push((transmit, std::mem::take(&mut contents)));
            }
        }
        for handle in drained {
            self.connections.remove(&handle);
        }
        sent
    }
}
