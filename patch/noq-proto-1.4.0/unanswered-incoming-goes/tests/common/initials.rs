//! First packets from nobody: they start connection attempts, and cost next to nothing to make

use std::{
    net::{Ipv6Addr, SocketAddr},
    time::Instant,
};

use super::proto::{DatagramEvent, Endpoint, FourTuple, Incoming};

/// Offers the endpoint an attempt that it never heard of, numbered so that each is another
pub fn offer(endpoint: &mut Endpoint, now: Instant, number: u64) -> Option<Incoming> {
    variants(number).find_map(|datagram| deliver(endpoint, now, &datagram))
}

/// Hands a datagram to the endpoint; gives back the attempt if it starts one
pub fn deliver(endpoint: &mut Endpoint, now: Instant, datagram: &[u8]) -> Option<Incoming> {
    match endpoint.handle(now, remote(), None, datagram.into(), &mut Vec::new()) {
        Some(DatagramEvent::NewConnection(incoming)) => Some(incoming),
        _ => None,
    }
}

/// The one of the four [`variants`] that a fresh endpoint takes for a first packet
pub fn initial(mut fresh: Endpoint, now: Instant, number: u64) -> Vec<u8> {
    variants(number)
        .find(|datagram| deliver(&mut fresh, now, datagram).is_some())
        .unwrap()
}

pub fn remote() -> FourTuple {
    FourTuple::from_remote(SocketAddr::from((Ipv6Addr::LOCALHOST, 4433)))
}

/// The same Initial with each value of the two reserved bits, which header protection covers
///
/// Whatever it masks them with, one of the four has them clear. The rest is authenticated only by
/// who accepts the attempt.
fn variants(number: u64) -> impl Iterator<Item = Vec<u8>> {
    const LEN: usize = 1200;
    (0..4).map(move |reserved| {
        let mut datagram = vec![0xc0 | reserved << 2, 0, 0, 0, 1, 8];
        datagram.extend(number.to_be_bytes());
        // Neither source connection ID nor token.
        datagram.extend([0, 0]);
        let rest = (LEN - datagram.len() - 2) as u16;
        datagram.extend((0x4000 | rest).to_be_bytes());
        datagram.resize(LEN, 0);
        datagram
    })
}
