//! What the tests share: this crate under one name for both families, and a certificate

// No test uses all of it.
#![allow(dead_code)]

pub mod memory;
pub mod pair;

pub use iroh_quinn as quinn;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate for `localhost` that signs itself
pub fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.key_pair.serialize_der().into());
    (made.cert.into(), key)
}
