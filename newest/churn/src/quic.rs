//! QUIC without a node around it: what two endpoints need to know each other.

use std::sync::Arc;

use anyhow::Result;
use noq_proto::{ClientConfig, ServerConfig, TransportConfig};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

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
