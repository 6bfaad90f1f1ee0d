//! The path to the server: the session, and the sockets or the relay that its datagrams go through.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Instant;

use rtc_core::transport::channel::Frame;

use super::net::Network;
use super::relay::Relay;
use super::session::{Happened, Loss, Session};

/// How many datagrams are read before everything else has its turn.
const BURST: usize = 64;
/// How often time is told in a row: each telling may bring the next due time, but never without end.
const TICKS: usize = 8;

pub(super) struct Link {
    session: Session,
    network: Network,
    relay: Option<Box<Relay>>,
}

impl Link {
    /// `largest`: the largest message that is to be sent.
    pub(super) fn new(now: Instant, largest: usize) -> Self {
        Self { session: Session::new(now, largest), network: Network::none(), relay: None }
    }

    /// Opens sockets towards these peers.
    pub(super) fn open_sockets(&mut self, peers: &[IpAddr]) -> io::Result<()> {
        self.network = Network::bind(peers)?;
        for address in self.network.addresses() {
            self.session.add_host(address);
        }
        Ok(())
    }

    /// Goes through this relay, too. Gives the candidate to tell the server of; `answer` tells of it by itself.
    pub(super) fn add_relay(&mut self, relay: Box<Relay>) -> Option<String> {
        let candidate = self.session.add_relayed(relay.address());
        self.relay = Some(relay);
        candidate
    }

    /// Lets the relay pass datagrams of these peers on.
    pub(super) fn permit(&mut self, peers: &[IpAddr]) {
        if let Some(relay) = &mut self.relay {
            peers.iter().for_each(|peer| relay.permit(*peer));
        }
    }

    pub(super) fn answer_first(&mut self, offer: &str, now: Instant) -> Result<String, Loss> {
        self.session.answer_first(offer, now)
    }

    pub(super) fn answer(&mut self, offer: &str) -> Result<String, Loss> {
        self.session.answer(offer)
    }

    pub(super) fn write(&mut self, label: &str, frame: &Frame) -> bool {
        self.session.write(label, frame)
    }

    pub(super) fn is_busy(&mut self) -> bool {
        self.session.is_busy()
    }

    /// When it wants to be polled at the latest.
    pub(super) fn due(&self) -> Instant {
        self.session.due()
    }

    /// Moves datagrams until something has happened that is not one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Happened> {
        for _ in 0..TICKS {
            if self.session.due() > now {
                break;
            }
            self.session.elapse(now);
            if let Some(happened) = self.flush() {
                return Poll::Ready(happened);
            }
        }
        for _ in 0..BURST {
            if let Some(happened) = self.flush() {
                return Poll::Ready(happened);
            }
            match self.receive(cx, now) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(happened)) => return Poll::Ready(happened),
                // What was sent goes out through the relay now.
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends what is to be sent.
    fn flush(&mut self) -> Option<Happened> {
        loop {
            match self.session.poll()? {
                Happened::Datagram(datagram) => {
                    self.send(datagram.source, datagram.destination, &datagram.contents);
                }
                happened => return Some(happened),
            }
        }
    }

    fn send(&mut self, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        match &mut self.relay {
            Some(relay) if relay.address() == source => relay.send(destination, bytes),
            _ => self.network.send(source, destination, bytes),
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Option<Happened>> {
        if let Poll::Ready(arrived) = self.network.poll_recv(cx) {
            let bytes = self.network.datagram(&arrived);
            self.session.receive(now, arrived.source, arrived.destination, bytes);
            return Poll::Ready(None);
        }
        let Some(relay) = &mut self.relay else { return Poll::Pending };
        match relay.poll_recv(cx) {
            Poll::Ready(Ok((source, bytes))) => {
                self.session.receive(now, source, relay.address(), &bytes);
                Poll::Ready(None)
            }
            Poll::Ready(Err(_)) => {
                self.relay = None;
                // With sockets, ICE may find another path.
                let is_last = self.network.addresses().next().is_none();
                Poll::Ready(is_last.then_some(Happened::Lost(Loss::Ice)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Says goodbye and gives the relay's address back, which takes a moment at most.
    pub(super) async fn close(mut self) {
        self.session.close();
        // Only datagrams matter now; messages have nobody to go to.
        while self.flush().is_some() {}
        if let Some(relay) = self.relay {
            relay.close().await;
        }
    }
}
