//! A peer that sends a server of iroh-quinn-proto whatever frames it likes, in memory and by a clock of their own.
//!
//! The protocol lets an application bring its own cryptography. The one here hides and proves nothing, so that the peer is
//! no more than the frames that it sends; what the server makes of them is all its own.

use std::any::Any;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use iroh_quinn_proto::crypto::{
    self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
    UnsupportedVersion,
};
use iroh_quinn_proto::transport_parameters::TransportParameters;
use iroh_quinn_proto::{
    Connection, ConnectionHandle, ConnectionId, DatagramEvent, Endpoint, ServerConfig, Side,
    TransportConfig, TransportError,
};
use tokio_util::bytes::BytesMut;

use crate::quic::{self, PEER};

/// The peer's id of each of its connections.
const PEER_ID: [u8; ID_LEN] = [0xee; ID_LEN];

/// Bytes of an id, on either side.
const ID_LEN: usize = 8;

/// A first packet is padded to that.
const FIRST_LEN: usize = 1200;

/// What packets begin with whose number takes four bytes.
const INITIAL: u8 = 0xc3;
const HANDSHAKE: u8 = 0xe3;
const ESTABLISHED: u8 = 0x43;

const CRYPTO: u8 = 0x06;

/// Past the time for which a closed connection lingers.
const LINGERS: Duration = Duration::from_secs(30);

/// A server that has one connection at a time, with the peer.
pub struct Server {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    /// The server's id of the connection.
    id: Vec<u8>,
    now: Instant,
    attempts: u64,
    packets: u32,
}

impl Server {
    /// A server with these settings, but that a connection may be idle for as long as it likes.
    pub fn new(mut transport: TransportConfig) -> Self {
        transport.max_idle_timeout(None);
        let mut config = ServerConfig::with_crypto(Arc::new(Plain));
        config.transport_config(Arc::new(transport));
        Self {
            endpoint: quic::endpoint(Some(Arc::new(config))),
            connection: None,
            id: Vec::new(),
            now: Instant::now(),
            attempts: 0,
            packets: 0,
        }
    }

    /// Has the peer begin to connect, with these transport parameters besides those that it needs.
    pub fn knock(&mut self, parameters: &[u8]) -> Vec<Vec<u8>> {
        self.attempts += 1;
        let hello = [&needed_parameters()[..], parameters].concat();
        let mut frames = frame(CRYPTO, &[0, hello.len() as u64], &hello);
        frames.resize(FIRST_LEN, 0);
        let token = var(0);
        let packet = self.long(INITIAL, self.attempts.to_be_bytes(), &token, &frames);
        self.deliver(&packet)
    }

    /// Has the peer connect, unless it is connected.
    ///
    /// # Errors
    ///
    /// When the server does not want it.
    pub fn connect(&mut self) -> Result<()> {
        /// Behind a byte, the version, and the ids with the length of each in front.
        const SERVER_ID_AT: usize = 1 + 4 + 1 + ID_LEN + 1;
        if self.is_connected() {
            return Ok(());
        }
        let answer = self.knock(&[]);
        let id = answer.first().and_then(|answer| answer.get(SERVER_ID_AT..));
        let id = *id
            .and_then(|id| id.first_chunk::<ID_LEN>())
            .context("the server does not answer")?;
        self.id = id.to_vec();
        let finished = frame(CRYPTO, &[0, 1], b"!");
        let packet = self.long(HANDSHAKE, id, &[], &finished);
        self.deliver(&packet);
        let connection = self.connection();
        let connected = connection.is_some_and(|connection| !connection.is_handshaking());
        ensure!(connected, "the handshake does not end");
        Ok(())
    }

    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// The server's end of the connection, if there is one.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut().map(|(_, connection)| connection)
    }

    /// Has the peer send frames in a packet, and returns the datagrams that the server sends then. A connection that the server
    /// ends over them is gone afterwards, and nothing is sent on one that is.
    pub fn send(&mut self, frames: &[u8]) -> Vec<Vec<u8>> {
        if !self.is_connected() {
            return Vec::new();
        }
        let number = self.next_number();
        let packet = [&[ESTABLISHED], &self.id[..], &number, frames].concat();
        self.deliver(&packet)
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn long(&mut self, first: u8, to: [u8; ID_LEN], token: &[u8], frames: &[u8]) -> Vec<u8> {
        const VERSION: [u8; 4] = [0, 0, 0, 1];
        const LEN: [u8; 1] = [ID_LEN as u8];
        let number = self.next_number();
        let rest = var((number.len() + frames.len()) as u64);
        let parts: [&[u8]; 10] = [
            &[first],
            &VERSION,
            &LEN,
            &to,
            &LEN,
            &PEER_ID,
            token,
            &rest,
            &number,
            frames,
        ];
        parts.concat()
    }

    fn next_number(&mut self) -> [u8; 4] {
        self.packets += 1;
        self.packets.to_be_bytes()
    }

    fn deliver(&mut self, packet: &[u8]) -> Vec<Vec<u8>> {
        let (now, answer) = (self.now, &mut Vec::new());
        match self
            .endpoint
            .handle(now, PEER, None, None, packet.into(), answer)
        {
            Some(DatagramEvent::NewConnection(incoming)) => {
                let accepted = self.endpoint.accept(incoming, now, answer, None);
                self.connection = accepted.ok();
            }
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some(connection) = self.connection() {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::Response(_)) | None => {}
        }
        let sent = self.drive();
        if self.connection().is_some_and(|ended| ended.is_closed()) {
            self.pass(LINGERS);
            self.drive();
        }
        sent
    }

    /// Does what a driver does: moves what the connection, the endpoint and the network have for each other.
    fn drive(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        let Some((handle, connection)) = &mut self.connection else {
            return sent;
        };
        if connection.poll_timeout().is_some_and(|at| at <= self.now) {
            connection.handle_timeout(self.now);
        }
        let mut datagram = Vec::new();
        while connection
            .poll_transmit(self.now, 1, &mut datagram)
            .is_some()
        {
            sent.push(mem::take(&mut datagram));
        }
        while connection.poll().is_some() {}
        let mut is_drained = false;
        while let Some(event) = connection.poll_endpoint_events() {
            is_drained |= event.is_drained();
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        if is_drained {
            self.connection = None;
        }
        sent
    }
}

/// A frame: its type, its numbers, and what it carries.
pub fn frame(kind: u8, numbers: &[u64], content: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(numbers.iter().copied().flat_map(var));
    frame.extend(content);
    frame
}

/// The number of a packet from the server, where `next` is the least that it may have.
pub fn number(packet: &[u8], next: u64) -> Option<u64> {
    let bytes = usize::from(packet.first()? & 3) + 1;
    let written = packet.get(1 + ID_LEN..)?.get(..bytes)?;
    let written = written
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let period = 1 << (8 * bytes);
    Some(next + (written.wrapping_sub(next) & (period - 1)))
}

/// A number as QUIC writes the largest of them.
fn var(number: u64) -> [u8; 8] {
    (number | 3 << 62).to_be_bytes()
}

/// Who the peer is, and that it takes whatever the server may send.
fn needed_parameters() -> Vec<u8> {
    const INITIAL_MAX: [u64; 6] = [0x04, 0x05, 0x06, 0x07, 0x08, 0x09];
    const SOURCE_ID: u64 = 0x0f;
    const PLENTY: u64 = 1 << 60;
    let parameter = |id, value: &[u8]| [&var(id), &var(value.len() as u64), value].concat();
    let mut parameters = parameter(SOURCE_ID, &PEER_ID);
    parameters.extend(INITIAL_MAX.map(|id| parameter(id, &var(PLENTY))).concat());
    parameters
}

/// Keys that change nothing.
struct Plain;

impl HeaderKey for Plain {
    fn decrypt(&self, _: usize, _: &mut [u8]) {}

    fn encrypt(&self, _: usize, _: &mut [u8]) {}

    fn sample_size(&self) -> usize {
        0
    }
}

impl PacketKey for Plain {
    fn encrypt(&self, _: u64, _: &mut [u8], _: usize) {}

    fn decrypt(&self, _: u64, _: &[u8], _: &mut BytesMut) -> Result<(), CryptoError> {
        Ok(())
    }

    fn tag_len(&self) -> usize {
        0
    }

    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }

    fn integrity_limit(&self) -> u64 {
        u64::MAX
    }
}

impl crypto::ServerConfig for Plain {
    fn initial_keys(&self, _: u32, _: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        Ok(keys())
    }

    fn retry_tag(&self, _: u32, _: &ConnectionId, _: &[u8]) -> [u8; 16] {
        [0; 16]
    }

    fn start_session(self: Arc<Self>, _: u32, _: &TransportParameters) -> Box<dyn Session> {
        Box::new(PlainSession::default())
    }
}

/// A handshake of two messages, both the peer's: its transport parameters, and a word.
#[derive(Default)]
struct PlainSession {
    hello: Vec<u8>,
    keys_given: u32,
    is_finished: bool,
}

impl Session for PlainSession {
    fn initial_keys(&self, _: &ConnectionId, _: Side) -> Keys {
        keys()
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        !self.is_finished
    }

    fn read_handshake(&mut self, message: &[u8]) -> Result<bool, TransportError> {
        if self.hello.is_empty() {
            self.hello = message.to_vec();
        } else {
            self.is_finished = true;
        }
        Ok(false)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let parameters = TransportParameters::read(Side::Server, &mut &self.hello[..])?;
        Ok(Some(parameters))
    }

    /// Those of the handshake and those of the connection, both as soon as the peer has said hello.
    fn write_handshake(&mut self, _: &mut Vec<u8>) -> Option<Keys> {
        if self.hello.is_empty() || self.keys_given == 2 {
            return None;
        }
        self.keys_given += 1;
        Some(keys())
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        Some(keys().packet)
    }

    fn is_valid_retry(&self, _: &ConnectionId, _: &[u8], _: &[u8]) -> bool {
        false
    }

    fn export_keying_material(
        &self,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}

fn keys() -> Keys {
    Keys {
        header: KeyPair {
            local: Box::new(Plain),
            remote: Box::new(Plain),
        },
        packet: KeyPair {
            local: Box::new(Plain),
            remote: Box::new(Plain),
        },
    }
}
