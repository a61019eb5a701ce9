//! What a weak handle keeps of a connection, and what it says about it.
#![cfg(any(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]

use std::{
    mem::size_of,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use rustls::{pki_types::PrivatePkcs8KeyDer, RootCertStore};

use crate::{ClientConfig, Connection, Endpoint, ServerConfig};

/// Longer than anything here takes, for what hangs where it is broken.
const HANGS: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_weak_handle_pins_no_more_than_a_pointer() {
    let (_endpoint, connection) = connect_to_itself().await;
    let handle = connection.weak_handle();
    assert_eq!(pinned_by(&handle.0), size_of::<usize>());
}

#[tokio::test]
async fn a_weak_handle_serves_a_connection_to_its_end() {
    let (_endpoint, connection) = connect_to_itself().await;
    let handle = connection.weak_handle();
    assert!(handle.is_alive());
    assert!(handle.network_path_changed());

    drop(connection);
    let ended = async {
        while handle.is_alive() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANGS, ended).await.unwrap();
    assert!(!handle.network_path_changed());
}

/// How many bytes stay allocated, next to the two counters, while there is a weak reference.
fn pinned_by<T>(_: &Weak<T>) -> usize {
    size_of::<T>()
}

/// An endpoint that closes whatever it accepts, and a connection from it to itself.
async fn connect_to_itself() -> (Endpoint, Connection) {
    let cert = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(cert.key_pair.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(cert.cert.der().clone()).unwrap();
    let server = ServerConfig::with_single_cert(vec![cert.cert.into()], key.into()).unwrap();
    let client = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut endpoint = Endpoint::server(server, address).unwrap();
    endpoint.set_default_client_config(client);
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            drop(incoming.await);
        }
    });
    let connecting = endpoint.connect(endpoint.local_addr().unwrap(), "localhost");
    let connection = connecting.unwrap().await.unwrap();
    (endpoint, connection)
}
