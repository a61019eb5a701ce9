//! What the endpoint keeps of the paths that a connection has given up.

use alloc::sync::Arc;

use super::*;

const PATHS: u32 = 100;
const CIDS_A_PATH: u64 = 3;

#[test]
fn a_path_whose_ids_are_all_retired_is_forgotten() {
    let (mut endpoint, ch) = connecting();
    for path_id in (1..=PATHS).map(PathId::from) {
        issue(&mut endpoint, ch, path_id);
        for sequence in 0..CIDS_A_PATH {
            retire(&mut endpoint, ch, path_id, sequence, false);
        }
    }
    assert_eq!(endpoint.connections[ch].local_cids.len(), 1);
    assert_eq!(endpoint.known_cids(), 1);
}

#[test]
fn a_path_whose_ids_are_replaced_goes_on_with_the_next_sequence() {
    let (mut endpoint, ch) = connecting();
    let path_id = PathId::from(1u32);
    issue(&mut endpoint, ch, path_id);
    for sequence in 0..10 {
        let replaced = retire(&mut endpoint, ch, path_id, sequence, true);
        let Some(ConnectionEventInner::NewIdentifiers(ids, ..)) = replaced else {
            panic!("not replaced: {replaced:?}");
        };
        assert_eq!(ids[0].sequence, sequence + CIDS_A_PATH);
    }
}

fn issue(endpoint: &mut Endpoint, ch: ConnectionHandle, path_id: PathId) {
    let event = EndpointEventInner::NeedIdentifiers(path_id, Instant::now(), CIDS_A_PATH);
    assert!(endpoint.handle_event(ch, EndpointEvent(event)).is_some());
}

fn retire(
    endpoint: &mut Endpoint,
    ch: ConnectionHandle,
    path_id: PathId,
    sequence: u64,
    replace: bool,
) -> Option<ConnectionEventInner> {
    let now = Instant::now();
    let event = EndpointEventInner::RetireConnectionId(now, path_id, sequence, replace);
    let answer = endpoint.handle_event(ch, EndpointEvent(event));
    answer.map(|event| event.0)
}

/// An endpoint with one connection, which has one connection ID
fn connecting() -> (Endpoint, ConnectionHandle) {
    let mut endpoint = Endpoint::new(Arc::default(), None, true);
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.into()).unwrap();
    let config = ClientConfig::with_root_certificates(Arc::new(roots));
    let remote = SocketAddr::from(([127, 0, 0, 1], 1));
    let connected = endpoint.connect(Instant::now(), config.unwrap(), remote, "localhost");
    (endpoint, connected.unwrap().0)
}
