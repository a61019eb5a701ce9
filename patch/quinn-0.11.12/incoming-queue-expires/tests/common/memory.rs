//! Sockets on a network that exists in the test alone: nothing is lost, and nothing takes time

use std::{
    collections::{HashMap, VecDeque},
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::quinn::{
    udp::{RecvMeta, Transmit},
    AsyncUdpSocket, UdpPoller,
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

impl AsyncUdpSocket for MemorySocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        match self.fault() {
            Fault::Deaf => return Ok(()),
            Fault::SendFails => return Err(io::ErrorKind::BrokenPipe.into()),
            Fault::SendPanics => panic!("the socket panics, as this test wants"),
            Fault::None | Fault::RecvFails => {}
        }
        let (to, contents) = (transmit.destination, transmit.contents);
        self.network.deliver(self.addr, to, contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context,
        contents: &mut [IoSliceMut<'_>],
        about: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.fault() == Fault::RecvFails {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        *self.inbox.waker.lock().unwrap() = Some(cx.waker().clone());
        let Some((from, datagram)) = self.inbox.datagrams.lock().unwrap().pop_front() else {
            return Poll::Pending;
        };
        contents[0][..datagram.len()].copy_from_slice(&datagram);
        about[0] = RecvMeta {
            addr: from,
            len: datagram.len(),
            stride: datagram.len(),
            ..RecvMeta::default()
        };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
