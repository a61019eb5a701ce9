//! The HTTP server: for Prometheus, for whoever keeps the process running, and for people.
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | all figures in OpenMetrics, or in the text format before it |
//! | `/live` | 200, or 503 when the node has ended: start it again |
//! | `/ready` | 200 once everything was read, else 503 |
//! | `/health` | sizes with bounds as JSON; 503 when something is past its bound or did not answer |
//! | `/` | the same for people, with plots |
//!
//! It tells sizes and counts to whoever can reach it, never a key, an address, a topic or a message. Of a
//! request it reads the path and what formats the client takes, nothing else.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::exposition::{Format, exposition};
use crate::health::Report;
use crate::page;
use crate::snapshot::{History, Snapshot};

/// Connections at a time. Further ones wait to be accepted, in the system's own queue.
const CONNECTIONS_MAX: usize = 32;

/// How long a connection is kept on which nothing moves: longer than Prometheus' default between two scrapes.
const IDLE_TIME_MAX: Duration = Duration::from_secs(90);

/// How long a connection is kept at all, whatever moves on it.
const TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// Answers until it is dropped. Connections end with the token.
pub(crate) async fn serve(
    listener: TcpListener,
    history: Arc<History>,
    end: CancellationToken,
) -> io::Result<()> {
    axum::serve(Bounded::new(listener, end), router(history)).await
}

fn router(history: Arc<History>) -> Router {
    Router::new()
        .route("/", get(people))
        .route("/metrics", get(metrics))
        .route("/live", get(live))
        .route("/ready", get(is_ready))
        .route("/health", get(health))
        .with_state(Arc::new(Watched {
            history,
            open_metrics: Written::default(),
            classic: Written::default(),
            people: Written::default(),
        }))
}

/// What is served, and what was written of the latest round: once, however many ask for it.
struct Watched {
    history: Arc<History>,
    open_metrics: Written,
    classic: Written,
    people: Written,
}

#[derive(Default)]
struct Written(Mutex<Option<(Arc<Snapshot>, Bytes)>>);

impl Written {
    fn of<E>(
        &self,
        round: Arc<Snapshot>,
        write: impl FnOnce() -> Result<String, E>,
    ) -> Result<Bytes, E> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, text)) = &*written
            && Arc::ptr_eq(of, &round)
        {
            return Ok(text.clone());
        }
        let text = Bytes::from(write()?);
        *written = Some((round, text.clone()));
        Ok(text)
    }
}

type Asked = State<Arc<Watched>>;

const NOT_YET: (StatusCode, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    "nothing was read yet; try again in a moment\n",
);

async fn metrics(State(watched): Asked, headers: HeaderMap) -> Response {
    let Some(snapshot) = watched.history.latest() else {
        return NOT_YET.into_response();
    };
    let accept = headers.get(ACCEPT).and_then(|types| types.to_str().ok());
    let format = Format::of(accept);
    let written = match format {
        Format::OpenMetrics => &watched.open_metrics,
        Format::Classic => &watched.classic,
    };
    match written.of(snapshot.clone(), || exposition(snapshot, format)) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn live(State(watched): Asked) -> Response {
    let latest = watched.history.latest();
    match latest.as_ref().and_then(|snapshot| snapshot.ended()) {
        Some((name, reason)) => {
            let text = format!("{name} has ended: {reason}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        None => "live\n".into_response(),
    }
}

async fn is_ready(State(watched): Asked) -> Response {
    match watched.history.latest() {
        Some(snapshot) if snapshot.is_whole() => "ready\n".into_response(),
        Some(_) => {
            let text = "a source of figures does not answer: see /health\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        None => NOT_YET.into_response(),
    }
}

async fn health(State(watched): Asked) -> Response {
    let Some(snapshot) = watched.history.latest() else {
        return NOT_YET.into_response();
    };
    let report = Report::new(&snapshot);
    let status = if report.healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

/// Nothing is fetched from elsewhere, and nothing on the page runs.
const NO_ASSETS: (HeaderName, &str) = (
    HeaderName::from_static("content-security-policy"),
    "default-src 'none'; style-src 'unsafe-inline'",
);

async fn people(State(watched): Asked) -> Response {
    let rounds = watched.history.rounds();
    let write = || Ok::<_, Infallible>(page::page(&rounds).into_string());
    let page = match rounds.last() {
        Some(latest) => watched.people.of(latest.clone(), write),
        None => write().map(Bytes::from),
    };
    let Ok(page) = page;
    ([NO_ASSETS], Html(page)).into_response()
}

/// A listener that holds no more than so many connections, none of them for ever.
struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    end: CancellationToken,
}

impl Bounded {
    fn new(listener: TcpListener, end: CancellationToken) -> Self {
        Self {
            listener,
            end,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed.
        let place = self.places.clone().acquire_owned().await.ok();
        // Axum's own: waits a while after an error, such as no descriptor being left.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Connection::new(stream, place, self.end.clone()), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends with the watch, when nothing moves on it, and at the latest after [`TIME_MAX`].
struct Connection {
    stream: TcpStream,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    last: Instant,
    idle: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: TcpStream, place: Option<OwnedSemaphorePermit>, end: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            stream,
            end: Box::pin(end.cancelled_owned()),
            last: now + TIME_MAX,
            idle: Box::pin(sleep_until(now + IDLE_TIME_MAX)),
            _place: place,
        }
    }

    /// What an attempt to move something came to.
    fn moved<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            let idle_end = Instant::now() + IDLE_TIME_MAX;
            self.idle.as_mut().reset(idle_end.min(self.last));
            return attempt;
        }
        if self.end.as_mut().poll(cx).is_pending() {
            ready!(self.idle.as_mut().poll(cx));
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.moved(cx, attempt)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(cx, attempt)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_round_is_written_once_however_many_ask() {
        let round = || {
            Arc::new(Snapshot {
                at: SystemTime::UNIX_EPOCH,
                readings: Vec::new(),
                sources: Vec::new(),
            })
        };
        let written = Written::default();
        let mut times = 0;
        let mut ask = |round: &Arc<Snapshot>| {
            let write = || {
                times += 1;
                Ok::<_, Infallible>(times.to_string())
            };
            written.of(round.clone(), write).unwrap()
        };
        let (first, second) = (round(), round());
        assert_eq!([ask(&first), ask(&first), ask(&first)], ["1", "1", "1"]);
        assert_eq!([ask(&second), ask(&second)], ["2", "2"]);
    }
}
