//! Which runtime QUIC runs on.

use std::{
    io,
    net::UdpSocket,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use super::*;

const ALPN: &[u8] = b"runtime-test";

/// Tokio, and how often it was asked for something.
#[derive(Debug, Default)]
struct Counted {
    tasks: AtomicUsize,
    timers: AtomicUsize,
}

impl Runtime for Counted {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        self.timers.fetch_add(1, Ordering::Relaxed);
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        TokioRuntime.spawn(task);
    }

    fn wrap_udp_socket(&self, _: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        unreachable!("an endpoint brings its own socket");
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

#[tokio::test]
async fn quic_runs_on_the_runtime_that_the_builder_was_given() {
    let runtime = Arc::new(Counted::default());
    let server = bind(builder().runtime(runtime.clone())).await;
    assert_eq!(runtime.tasks.load(Ordering::Relaxed), 1, "the endpoint");

    let client = bind(builder()).await;
    let (socket, _) = server.bound_sockets();
    let address = NodeAddr::new(server.node_id()).with_direct_addresses([socket]);
    let accepted = async { server.accept().await.unwrap().await.unwrap() };
    let (connected, _accepted) = tokio::join!(client.connect(address, ALPN), accepted);
    connected.unwrap();
    let tasks = runtime.tasks.load(Ordering::Relaxed);
    assert_eq!(tasks, 2, "and the connection");
    assert!(runtime.timers.load(Ordering::Relaxed) > 0);
}

fn builder() -> Builder {
    Endpoint::builder()
        .alpns(vec![ALPN.to_vec()])
        .relay_mode(RelayMode::Disabled)
        .bind_addr_v4("127.0.0.1:0".parse().unwrap())
        .bind_addr_v6("[::1]:0".parse().unwrap())
}

async fn bind(builder: Builder) -> Endpoint {
    builder.bind().await.unwrap()
}
