//! QUIC without a node around it: pairs of endpoints of noq on loopback, and what any two need to know each other.

use std::sync::Arc;

use anyhow::{Context, Result};
use noq::{
    ClientConfig, Connecting, Connection, Endpoint, EndpointConfig, Runtime, ServerConfig,
    TransportConfig,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

use crate::loopback::socket;

/// A server, and a client that trusts it.
pub struct Pair {
    pub server: Endpoint,
    pub client: Endpoint,
}

impl Pair {
    /// Both endpoints, as they are by default, but that a connection may be idle for as long as it likes. Both run on the
    /// runtime that is given.
    ///
    /// # Errors
    ///
    /// When a socket cannot be bound.
    pub fn new(runtime: Arc<dyn Runtime>) -> Result<Self> {
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(None);
        let (trusting, serving) = configs(transport)?;
        let endpoint = |config| {
            let default = EndpointConfig::default();
            Endpoint::new(default, config, socket()?, runtime.clone())
        };
        let server = endpoint(Some(serving))?;
        let client = endpoint(None)?;
        client.set_default_client_config(trusting);
        Ok(Self { server, client })
    }

    /// An attempt of the client's to connect to where the server is now.
    ///
    /// # Errors
    ///
    /// When one of the endpoints has stopped.
    pub fn knock(&self) -> Result<Connecting> {
        let to = self.server.local_addr()?;
        Ok(self.client.connect(to, SERVER_NAME)?)
    }

    /// A new connection: the client's end of it, and the server's. Others who knock are ignored.
    ///
    /// # Errors
    ///
    /// When one of the endpoints has stopped, or the handshake fails.
    pub async fn connect(&self) -> Result<(Connection, Connection)> {
        let connecting = self.knock()?;
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

/// What a server of [`configs`] is called.
pub const SERVER_NAME: &str = "localhost";

/// Of a client, and of a server that it trusts.
///
/// # Errors
///
/// When there is no randomness to make a certificate from.
pub fn configs(transport: TransportConfig) -> Result<(ClientConfig, ServerConfig)> {
    let transport = Arc::new(transport);
    // Of this kind a signature has the same length each time, on which packets and so the run depend
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    let cert = CertificateParams::new([String::from(SERVER_NAME)])?.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let mut client = ClientConfig::with_root_certificates(Arc::new(roots))?;
    client.transport_config(transport.clone());
    let mut server = ServerConfig::with_single_cert(vec![cert.der().clone()], key)?;
    server.transport_config(transport);
    Ok((client, server))
}
