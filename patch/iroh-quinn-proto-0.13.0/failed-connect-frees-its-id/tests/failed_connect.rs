//! What an outgoing connection leaves behind that does not come about
#![cfg(feature = "rustls-ring")]

mod common;

use std::{sync::Arc, time::Instant};

use common::{
    initials::remote,
    net::Net,
    proto::{ConnectError, Endpoint, EndpointConfig, RandomConnectionIdGenerator},
};

#[test]
fn connections_that_cannot_start_leave_their_ids_to_others() {
    let mut config = EndpointConfig::default();
    // Room for 192 connection IDs.
    config.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(1)));
    let mut endpoint = Endpoint::new(Arc::new(config), None, true, None);
    let client_config = Net::new(|_| {}).client_config;
    let now = Instant::now();
    for attempt in 0..1000 {
        let connected = endpoint.connect(now, client_config.clone(), remote(), "no name at all");
        let error = connected.map(|_| ()).unwrap_err();
        assert!(
            matches!(error, ConnectError::InvalidServerName(_)),
            "attempt {attempt}: {error}"
        );
    }
    let connected = endpoint.connect(now, client_config, remote(), "localhost");
    assert!(connected.is_ok());
}
