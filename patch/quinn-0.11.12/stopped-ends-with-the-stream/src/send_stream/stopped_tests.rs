//! When `stopped` completes, and what is kept of who waits for it.
#![cfg(all(feature = "rustls-ring", feature = "runtime-tokio"))]

use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{task::JoinHandle, time::sleep};

use crate::{self as quinn, SendStream, StoppedError, VarInt};

#[path = "../../tests/common/memory.rs"]
#[allow(dead_code, unreachable_pub)]
mod memory;
#[path = "../../tests/common/pair.rs"]
#[allow(dead_code, unreachable_pub)]
mod pair;

use pair::{is_pending, soon, Pair};

#[tokio::test(start_paused = true)]
async fn whoever_waits_on_a_reset_stream_hears_of_its_acknowledgement() {
    let pair = Pair::new(|_| {});
    let (client, _server) = pair.connect().await;
    let mut stream = client.open_uni().await.unwrap();
    stream.write_all(b"begun").await.unwrap();
    let before = wait(&stream).await;
    stream.reset(VarInt::from_u32(1)).unwrap();
    let after = wait_unchecked(&stream);
    for waiting in [before, after] {
        // An acknowledgement may take its time.
        sleep(Duration::from_secs(1)).await;
        assert_eq!(soon(waiting).await.unwrap(), Ok(None));
    }
    assert_eq!(entries(&stream), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_leaves_nothing_behind() {
    let pair = Pair::new(|_| {});
    let (client, _server) = pair.connect().await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let stream = client.open_uni().await.unwrap();
        assert!(is_pending(stream.stopped()).await);
        streams.push(stream);
    }
    assert_eq!(entries(&streams[0]), 0);
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_leaves_the_others_waiting() {
    let pair = Pair::new(|_| {});
    let (client, server) = pair.connect().await;
    let mut stream = client.open_uni().await.unwrap();
    stream.write_all(b"begun").await.unwrap();
    let (patient, impatient) = (wait(&stream).await, wait(&stream).await);
    impatient.abort();
    let mut received = server.accept_uni().await.unwrap();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(entries(&stream), 1);
    received.stop(VarInt::from_u32(5)).unwrap();
    assert_eq!(soon(patient).await.unwrap(), Ok(Some(VarInt::from_u32(5))));
    assert_eq!(entries(&stream), 0);
}

type Waiting = JoinHandle<Result<Option<VarInt>, StoppedError>>;

/// Has a task wait for the stream to be stopped, and sees that it does
async fn wait(stream: &SendStream) -> Waiting {
    let waiting = wait_unchecked(stream);
    sleep(Duration::from_millis(1)).await;
    assert!(!waiting.is_finished());
    waiting
}

fn wait_unchecked(stream: &SendStream) -> Waiting {
    tokio::spawn(stream.stopped())
}

/// How many streams the connection thinks that somebody waits on
fn entries(stream: &SendStream) -> usize {
    stream.conn.state.lock("test").stopped.len()
}

fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    (made.cert.into(), key)
}
