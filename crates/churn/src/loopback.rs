//! Sockets on loopback, and connection attempts of QUIC from nobody.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{sleep, timeout};

use crate::run::Run;

/// A socket on a port that the system picks.
///
/// # Errors
///
/// When there is no port left.
pub fn socket() -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
}

/// Has strangers knock at a server to the end of the run, an attempt an event, every 10 ms.
///
/// # Errors
///
/// When there is no port left, or nobody reads what the run says.
pub async fn keep_knocking(run: &mut Run, server: SocketAddr) -> Result<()> {
    let stranger = socket()?;
    stranger.connect(server)?;
    while let Some(event) = run.next().await? {
        for packet in first_packets(event) {
            stranger.send(&packet)?;
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Well before an attempt that nobody answers is forgotten, after 30 s: then a client that asks again is refused by itself.
pub const AT_ONCE: Duration = Duration::from_secs(5);

/// Waits for what a client is owed whose server closed before it was accepted: it is offered no more, and told at once.
///
/// # Errors
///
/// With what was to be, where it is not so.
pub async fn is_refused<I, C, E>(
    offered: impl Future<Output = Option<I>>,
    connecting: impl Future<Output = Result<C, E>>,
) -> Result<()> {
    let offered = offered.await;
    ensure!(offered.is_none(), "the closed server offers its client yet");
    let told = timeout(AT_ONCE, connecting).await;
    let told = told.context("the client of a closed server waits")?;
    told.err().context("it was accepted")?;
    Ok(())
}

/// A first packet that starts a connection attempt and costs next to nothing: nothing in it is encrypted, which only who
/// accepts the attempt finds out. Each number makes another attempt.
///
/// It comes with each value of the two bits that header protection masks. One of the four is in order; the others are
/// dropped by whoever receives them.
pub fn first_packets(number: u64) -> impl Iterator<Item = Vec<u8>> {
    /// A first packet is padded to that.
    const LEN: usize = 1200;
    const NO_SOURCE_ID_AND_NO_TOKEN: [u8; 2] = [0, 0];
    (0..4).map(move |masked| {
        let mut datagram = vec![0xc0 | masked << 2, 0, 0, 0, 1, 8];
        datagram.extend(number.to_be_bytes());
        datagram.extend(NO_SOURCE_ID_AND_NO_TOKEN);
        let rest = (LEN - datagram.len() - 2) as u16;
        datagram.extend((0x4000 | rest).to_be_bytes());
        datagram.resize(LEN, 0);
        datagram
    })
}
