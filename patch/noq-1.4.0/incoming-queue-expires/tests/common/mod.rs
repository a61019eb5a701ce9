//! What the tests share: this crate under one name, and a certificate

// No test uses all of it.
#![allow(dead_code, unreachable_pub)]

pub mod memory;
pub mod pair;

pub use noq;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate for `localhost` that signs itself
pub fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    (made.cert.into(), key)
}
