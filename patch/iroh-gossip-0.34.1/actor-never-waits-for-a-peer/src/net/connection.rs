//! The task of one connection: what is sent to the peer, and what comes from it.

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use iroh::{
    endpoint::{Connection, RecvStream, SendStream},
    NodeId,
};
use n0_future::{
    time::{timeout, Duration, Instant},
    TryFutureExt as _,
};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{
    send_queue::SendQueue,
    util::{read_message, write_message, WriteError},
    ConnOrigin, InEvent,
};

/// What has to be taken within a stall, see [`super::ConnectionLimits::send_stall`].
const BYTES_PER_STALL: usize = 64 * 1024;

/// Sends and receives until both halves of the connection have ended, or one of them with an error.
pub(super) async fn run(
    peer: NodeId,
    conn: &Connection,
    origin: ConnOrigin,
    queue: SendQueue,
    in_event_tx: mpsc::Sender<InEvent>,
    max_message_size: usize,
    send_stall: Duration,
) -> Result<()> {
    let (send, recv) = match origin {
        ConnOrigin::Accept => conn.accept_bi().await?,
        ConnOrigin::Dial => conn.open_bi().await?,
    };
    debug!(?origin, "connection established");
    tokio::try_join!(
        send_all(send, queue, max_message_size, send_stall).map_err(|err| err.context("send_loop")),
        receive_all(peer, recv, in_event_tx, max_message_size)
            .map_err(|err| err.context("recv_loop")),
    )?;
    Ok(())
}

/// Sends what is queued until the queue was closed, and the peer has all of it.
async fn send_all(
    mut stream: SendStream,
    mut queue: SendQueue,
    max_message_size: usize,
    send_stall: Duration,
) -> Result<()> {
    let stalls = (max_message_size / BYTES_PER_STALL).max(1);
    let send_stall = send_stall.saturating_mul(stalls as u32);
    let mut buffer = BytesMut::new();
    let mut taken = 0;
    let mut since = Instant::now();
    loop {
        let caught_up = queue.is_empty();
        let Some(message) = queue.recv().await else {
            break;
        };
        if caught_up || taken >= BYTES_PER_STALL {
            taken = 0;
            since = Instant::now();
        }
        let write = write_message(&mut stream, &mut buffer, &message, max_message_size);
        match timeout(send_stall.saturating_sub(since.elapsed()), write)
            .await
            .context("the peer takes too little")?
        {
            Ok(()) => taken += buffer.len(),
            Err(WriteError::TooLarge) => warn!("message is too large, not sent"),
            Err(err) => return Err(err.into()),
        }
    }
    // Tell the peer that nothing follows, and wait until it has all.
    stream.finish().ok();
    stream.stopped().await.ok();
    Ok(())
}

/// Hands on what the peer sends, until it has nothing more to send.
async fn receive_all(
    peer: NodeId,
    mut stream: RecvStream,
    in_event_tx: mpsc::Sender<InEvent>,
    max_message_size: usize,
) -> Result<()> {
    let mut buffer = BytesMut::new();
    while let Some(message) = read_message(&mut stream, &mut buffer, max_message_size).await? {
        in_event_tx
            .send(InEvent::RecvMessage(peer, message))
            .await?;
    }
    Ok(())
}
