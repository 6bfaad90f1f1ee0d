//! The UDP sockets of a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Larger than any datagram that the stacks send.
const DATAGRAM: usize = 2_048;

/// One socket for each address of this machine that a path to the peer begins at.
pub(super) struct Network {
    sockets: Vec<Socket>,
    buffer: Box<[u8; DATAGRAM]>,
    /// Which socket is read first, so that none starves the others.
    turn: usize,
}

struct Socket {
    address: SocketAddr,
    reading: UdpSocket,
    /// The same one, without tokio: which takes a new socket for not writable until it has heard of it, and would lose
    /// what is sent at once.
    sending: std::net::UdpSocket,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("sockets", &self.sockets.len()).finish_non_exhaustive()
    }
}

/// Where a datagram that was read came from and arrived, and its length.
pub(super) struct Arrived {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    len: usize,
}

impl Network {
    /// No sockets: everything goes through a relay.
    pub(super) fn none() -> Self {
        Self { sockets: Vec::new(), buffer: Box::new([0; DATAGRAM]), turn: 0 }
    }

    /// Sockets on the addresses that the system would use to reach these peers, or anybody where there are none.
    ///
    /// # Errors
    /// There is no address to use: this machine has no network, or its sockets are used up.
    pub(super) fn bind(peers: &[IpAddr]) -> io::Result<Self> {
        // Documentation addresses: they lie behind the default route, and nothing is sent to them.
        let anybody = [
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ];
        // The last resort of a machine without a network.
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut network = Self::none();
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let anybody = anybody.iter().filter(|_| peers.is_empty());
        for peer in peers.iter().chain(anybody) {
            match local_address(*peer).and_then(|ip| network.add(ip)) {
                Ok(()) => {}
                Err(error) => failure = error,
            }
        }
        if network.sockets.is_empty() && peers.is_empty() {
            network.add(here)?;
        }
        if network.sockets.is_empty() { Err(failure) } else { Ok(network) }
    }

    fn add(&mut self, ip: IpAddr) -> io::Result<()> {
        if self.addresses().any(|bound| bound.ip() == ip) {
            return Ok(());
        }
        let socket = std::net::UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let (address, sending) = (socket.local_addr()?, socket.try_clone()?);
        self.sockets.push(Socket { address, reading: UdpSocket::from_std(socket)?, sending });
        Ok(())
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|socket| socket.address)
    }

    /// Sends a datagram. Where the system has no room it is lost, as datagrams are.
    pub(super) fn send(&self, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        if let Some(socket) = self.sockets.iter().find(|socket| socket.address == source) {
            let _ = socket.sending.send_to(bytes, destination);
        }
    }

    /// Reads the next datagram into the buffer: see [`Self::datagram`].
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        let Self { sockets, buffer, turn } = self;
        let count = sockets.len();
        for step in 0..count {
            let index = (*turn + step) % count;
            let Some(socket) = sockets.get(index) else { continue };
            loop {
                let mut room = ReadBuf::new(&mut buffer[..]);
                match socket.reading.poll_recv_from(cx, &mut room) {
                    Poll::Ready(Ok(source)) => {
                        let len = room.filled().len();
                        *turn = index + 1;
                        return Poll::Ready(Arrived { source, destination: socket.address, len });
                    }
                    // What an earlier datagram met with on its way; ICE finds out by itself.
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    }

    /// The bytes of the datagram that was read last.
    pub(super) fn datagram(&self, arrived: &Arrived) -> &[u8] {
        self.buffer.get(..arrived.len).unwrap_or_default()
    }
}

/// The address that this machine would send from. Nothing is sent.
fn local_address(peer: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    // Any port does; this one is for discarding.
    socket.connect((peer, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_one_socket_for_each_address_that_leads_to_a_peer() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let also_here = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        let network = Network::bind(&[here, also_here, here]).unwrap();
        let addresses: Vec<_> = network.addresses().collect();
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        assert!(addresses[0].ip() == here && addresses[0].port() > 0);
        assert!(Network::bind(&[]).unwrap().addresses().count() > 0);
        assert_eq!(Network::none().addresses().count(), 0);
    }

    #[tokio::test]
    async fn datagrams_go_and_come_over_ipv4_and_ipv6() {
        for peer in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            // There are machines without IPv6.
            let Ok(other) = UdpSocket::bind((peer, 0)).await else { continue };
            let mut network = Network::bind(&[peer]).unwrap();
            let local = network.addresses().next().unwrap();
            network.send(local, other.local_addr().unwrap(), b"there");
            let mut buffer = [0; 16];
            let (len, from) = other.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..len], from), (&b"there"[..], local));
            other.send_to(b"and back", from).await.unwrap();
            let arrived = std::future::poll_fn(|cx| network.poll_recv(cx)).await;
            assert_eq!(network.datagram(&arrived), b"and back");
            assert_eq!((arrived.source, arrived.destination), (other.local_addr().unwrap(), local));
        }
    }
}
