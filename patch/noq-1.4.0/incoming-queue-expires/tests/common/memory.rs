//! Sockets on a network that exists in the test alone: nothing is lost, and nothing takes time

use std::{
    collections::{HashMap, VecDeque},
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::noq::{
    AsyncUdpSocket, UdpSender,
    udp::{RecvMeta, Transmit},
};

/// Where the sockets of a test find each other
#[derive(Debug, Default)]
pub struct MemoryNetwork(Mutex<HashMap<SocketAddr, Arc<Inbox>>>);

impl MemoryNetwork {
    /// A socket at a port of its own
    pub fn bind(self: &Arc<Self>) -> Arc<MemorySocket> {
        let mut inboxes = self.0.lock().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], inboxes.len() as u16 + 1));
        let inbox = Arc::new(Inbox::default());
        inboxes.insert(addr, inbox.clone());
        Arc::new(MemorySocket {
            addr,
            inbox,
            network: self.clone(),
            fault: Mutex::new(Fault::None),
        })
    }

    /// Puts a datagram into an inbox
    pub fn deliver(&self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let Some(inbox) = self.0.lock().unwrap().get(&to).cloned() else {
            return;
        };
        let mut datagrams = inbox.datagrams.lock().unwrap();
        datagrams.push_back((from, datagram.to_vec()));
        drop(datagrams);
        let waker = inbox.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What is wrong with a socket
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// What is sent does not arrive
    Deaf,
    SendFails,
    SendPanics,
    RecvFails,
}

#[derive(Debug)]
pub struct MemorySocket {
    pub addr: SocketAddr,
    inbox: Arc<Inbox>,
    network: Arc<MemoryNetwork>,
    fault: Mutex<Fault>,
}

#[derive(Debug, Default)]
struct Inbox {
    datagrams: Mutex<VecDeque<(SocketAddr, Vec<u8>)>>,
    waker: Mutex<Option<Waker>>,
}

impl MemorySocket {
    pub fn break_down(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }
}

/// A share in a socket, for an endpoint to receive through, or for whoever sends
#[derive(Debug)]
pub struct Bound(pub Arc<MemorySocket>);

impl AsyncUdpSocket for Bound {
    fn create_sender(&self) -> Pin<Box<dyn UdpSender>> {
        Box::pin(Self(self.0.clone()))
    }

    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        contents: &mut [IoSliceMut<'_>],
        about: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.0.fault() == Fault::RecvFails {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let inbox = &self.0.inbox;
        *inbox.waker.lock().unwrap() = Some(cx.waker().clone());
        let Some((from, datagram)) = inbox.datagrams.lock().unwrap().pop_front() else {
            return Poll::Pending;
        };
        contents[0][..datagram.len()].copy_from_slice(&datagram);
        about[0] = RecvMeta::default();
        about[0].addr = from;
        about[0].len = datagram.len();
        about[0].stride = datagram.len();
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.addr)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl UdpSender for Bound {
    fn poll_send(
        self: Pin<&mut Self>,
        transmit: &Transmit<'_>,
        _cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &self.0;
        match socket.fault() {
            Fault::Deaf => return Poll::Ready(Ok(())),
            Fault::SendFails => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Fault::SendPanics => panic!("the socket panics, as this test wants"),
            Fault::None | Fault::RecvFails => {}
        }
        let (to, contents) = (transmit.destination, transmit.contents);
        socket.network.deliver(socket.addr, to, contents);
        Poll::Ready(Ok(()))
    }
}
