//! A client and a server on a network in memory, and the tasks that drive them

use std::{
    future::Future,
    io,
    net::UdpSocket,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{task::AbortHandle, time::timeout};

use super::{
    certificate,
    memory::{Bound, MemoryNetwork, MemorySocket},
    noq::{
        AsyncTimer, AsyncUdpSocket, ClientConfig, Connection, Endpoint, EndpointConfig, Runtime,
        ServerConfig, TokioRuntime,
    },
};

pub struct Pair {
    pub network: Arc<MemoryNetwork>,
    pub client: Node,
    pub server: Node,
}

/// An endpoint with what it stands on
pub struct Node {
    pub endpoint: Endpoint,
    pub socket: Arc<MemorySocket>,
    pub tasks: Arc<Tasks>,
}

impl Pair {
    pub fn new(configure: impl FnOnce(&mut ServerConfig)) -> Self {
        let (cert, key) = certificate();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.clone()).unwrap();
        let mut config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
        configure(&mut config);
        let network = Arc::new(MemoryNetwork::default());
        let client = Node::new(&network, None);
        let trusting = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
        client.endpoint.set_default_client_config(trusting);
        let server = Node::new(&network, Some(config));
        Self {
            network,
            client,
            server,
        }
    }

    /// Two ends of a connection: the client's, and the server's
    pub async fn connect(&self) -> (Connection, Connection) {
        let to = self.server.socket.addr;
        let connecting = self.client.endpoint.connect(to, "localhost").unwrap();
        let incoming = soon(self.server.endpoint.accept()).await.unwrap();
        let (client, server) = soon(async { tokio::join!(connecting, incoming) }).await;
        (client.unwrap(), server.unwrap())
    }
}

impl Node {
    fn new(network: &Arc<MemoryNetwork>, config: Option<ServerConfig>) -> Self {
        let (socket, tasks) = (network.bind(), Arc::new(Tasks::default()));
        let endpoint = Endpoint::new_with_abstract_socket(
            EndpointConfig::default(),
            config,
            Box::new(Bound(socket.clone())),
            tasks.clone(),
        );
        Self {
            endpoint: endpoint.unwrap(),
            socket,
            tasks,
        }
    }
}

/// What becomes ready without time passing; panics if it does not
pub async fn soon<F: Future>(future: F) -> F::Output {
    let ready = timeout(Duration::from_millis(1), future).await;
    ready.expect("it never becomes ready")
}

/// Whether it is pending still, though everybody had their turn
pub async fn is_pending<F: Future>(future: F) -> bool {
    timeout(Duration::from_millis(1), future).await.is_err()
}

/// Tokio's runtime, which remembers what it spawned: the endpoint's driver first
#[derive(Debug, Default)]
pub struct Tasks(Mutex<Vec<AbortHandle>>);

impl Tasks {
    /// Ends the task that was spawned last
    pub fn abort_last(&self) {
        self.0.lock().unwrap().last().unwrap().abort();
    }

    /// Ends the task that was spawned first
    pub fn abort_first(&self) {
        self.0.lock().unwrap()[0].abort();
    }

    pub fn running(&self) -> usize {
        let tasks = self.0.lock().unwrap();
        tasks.iter().filter(|task| !task.is_finished()).count()
    }
}

impl Runtime for Tasks {
    fn new_timer(&self, i: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(i)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let task = tokio::spawn(future).abort_handle();
        self.0.lock().unwrap().push(task);
    }

    fn wrap_udp_socket(&self, _: UdpSocket) -> io::Result<Box<dyn AsyncUdpSocket>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}
