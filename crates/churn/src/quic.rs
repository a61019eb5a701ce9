//! QUIC without a node around it, on loopback: pairs of endpoints of both families, endpoints of the protocol alone, and
//! first packets from nobody.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use iroh_quinn_proto as proto;
use rcgen::CertifiedKey;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;
use tokio_util::bytes::BytesMut;

pub use crate::loopback::{first_packets, socket};

/// Where a peer is that speaks through no socket.
pub const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4433);

/// A server of one family and a client that trusts it. Both run on what `new` was given.
macro_rules! family {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub mod $name {
            use ::$name::{
                ClientConfig, Connection, Endpoint, EndpointConfig, Runtime, ServerConfig,
                TransportConfig,
            };
            use anyhow::Context;

            use super::*;

            pub struct Pair {
                pub server: Endpoint,
                pub client: Endpoint,
            }

            impl Pair {
                /// Both endpoints, as they are by default, but that a connection may be idle for as long as it likes.
                ///
                /// # Errors
                ///
                /// When a socket cannot be bound.
                pub fn new(runtime: Arc<dyn Runtime>) -> Result<Self> {
                    let mut transport = TransportConfig::default();
                    transport.max_idle_timeout(None);
                    let transport = Arc::new(transport);
                    let (cert, key) = certificate()?;
                    let mut roots = RootCertStore::empty();
                    roots.add(cert.clone())?;
                    let mut trusting = ClientConfig::with_root_certificates(Arc::new(roots))?;
                    trusting.transport_config(transport.clone());
                    let mut serving = ServerConfig::with_single_cert(vec![cert], key)?;
                    serving.transport_config(transport);
                    let endpoint = |config| {
                        let default = EndpointConfig::default();
                        Endpoint::new(default, config, socket()?, runtime.clone())
                    };
                    let server = endpoint(Some(serving))?;
                    let mut client = endpoint(None)?;
                    client.set_default_client_config(trusting);
                    Ok(Self { server, client })
                }

                /// A new connection: the client's end of it, and the server's. Others who knock are ignored.
                ///
                /// # Errors
                ///
                /// When one of the endpoints has stopped, or the handshake fails.
                pub async fn connect(&self) -> Result<(Connection, Connection)> {
                    let to = self.server.local_addr()?;
                    let connecting = self.client.connect(to, "localhost")?;
                    let client = self.client.local_addr()?;
                    let incoming = loop {
                        let incoming = self.server.accept().await;
                        let incoming = incoming.context("the server has stopped")?;
                        if incoming.remote_address() == client {
                            break incoming;
                        }
                        incoming.ignore();
                    };
                    Ok(tokio::try_join!(connecting, incoming.accept()?)?)
                }
            }
        }
    };
}

family!(
    /// iroh's family.
    iroh_quinn
);
family!(
    /// The original.
    quinn
);

/// A certificate for `localhost` that signs itself, and its key.
///
/// # Errors
///
/// When there is no randomness to make it from.
pub fn certificate() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let CertifiedKey { cert, key_pair } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(key_pair.serialize_der().into());
    Ok((cert.into(), key))
}

/// An endpoint of the protocol alone; a server where it has a configuration.
pub fn endpoint(config: Option<Arc<proto::ServerConfig>>) -> proto::Endpoint {
    proto::Endpoint::new(Arc::default(), config, true, None)
}

/// What makes a server of it, with a certificate of its own.
///
/// # Errors
///
/// When there is no randomness to make that from.
pub fn server_config() -> Result<proto::ServerConfig> {
    let (cert, key) = certificate()?;
    Ok(proto::ServerConfig::with_single_cert(vec![cert], key)?)
}

/// Offers such an endpoint the attempt of this number: what waits then, and the packet that it began with. Nothing where it
/// is deaf.
pub fn knock(endpoint: &mut proto::Endpoint, number: u64) -> Option<(proto::Incoming, Vec<u8>)> {
    first_packets(number).find_map(|packet| {
        let incoming = offer(endpoint, packet[..].into())?;
        Some((incoming, packet))
    })
}

/// Hands a datagram of the peer's in: the attempt, if it begins one.
pub fn offer(endpoint: &mut proto::Endpoint, datagram: BytesMut) -> Option<proto::Incoming> {
    let now = Instant::now().into_std();
    match endpoint.handle(now, PEER, None, None, datagram, &mut Vec::new()) {
        Some(proto::DatagramEvent::NewConnection(incoming)) => Some(incoming),
        _ => None,
    }
}
