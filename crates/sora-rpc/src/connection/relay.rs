//! An allocation at a TURN server: an address there, whose packets come and go through the server.
//!
//! turn-client-proto is used in here and nowhere else. What it leaves to its user, or gets wrong in 0.7.3, is made
//! good here: no channel is ever bound (it does not pad ChannelData on streams, RFC 8656, 12.5), messages of a stream
//! are cut in [`wire`], refusals are read in [`verdict`], TLS is this workspace's own, its log is switched off, and the
//! time between two requests is set (its own wait after the last one is 8 ms).

mod allocate;
#[cfg(test)]
mod tests;
mod url;
mod verdict;
mod wire;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rtc_core::{BoxFuture, Bytes, Clock, SharedClock, TransportError, TransportErrorKind, timeout as within};
use turn_client_proto::api::{Transmit, TurnClientApi as _, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::client::TurnClient;
use turn_client_proto::stun::Instant as TurnInstant;
use turn_client_proto::types::TransportType;

use self::verdict::Verdict;
use self::wire::Wire;

/// How long the server may take to release an allocation.
const RELEASE: Duration = Duration::from_secs(2);

/// The pause that turn-client-proto makes between two requests.
const PAUSE: Duration = Duration::from_millis(50);

/// How many bytes may wait to be sent; packets beyond are lost, as a network loses them.
const QUEUE: usize = 1024 * 1024;

/// How many packets may wait to be taken; those beyond are lost.
const INBOX: usize = 256;

/// How many messages are read in a row before others get their turn.
const TURN: usize = 32;

/// The largest packet that fits into a message of TURN with its attributes.
const PACKET: usize = 65_000;

/// An allocation at one TURN server. Its timers run, and packets go out, while it is polled.
pub(crate) struct Relay {
    client: TurnClient,
    wire: Wire,
    /// The two ends as the client calls them. On a stream they mean nothing.
    ends: (SocketAddr, SocketAddr),
    address: SocketAddr,
    clock: SharedClock,
    start: Instant,
    timer: Option<(TurnInstant, BoxFuture<'static, ()>)>,
    outgoing: VecDeque<Vec<u8>>,
    waiting: usize,
    inbox: VecDeque<(SocketAddr, Bytes)>,
    /// Permissions that were asked for and not answered yet.
    asked: Vec<IpAddr>,
    permitted: bool,
    verdict: Verdict,
}

impl Relay {
    /// The address at the server: the relayed candidate.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the server to let packets of this peer pass. Of another family than the relayed address, or known
    /// already: nothing happens.
    pub(crate) fn permit(&mut self, peer: IpAddr) {
        let now = self.now();
        if quietly(|| self.client.create_permission(TransportType::Udp, peer, now)).is_ok() {
            self.asked.push(peer);
        }
    }

    /// Queues a packet. It is lost, as on any network, if its peer is not permitted (yet) or too much waits already.
    pub(crate) fn send(&mut self, to: SocketAddr, packet: &[u8]) {
        let now = self.now();
        if packet.len() > PACKET || self.waiting + packet.len() > QUEUE {
            return;
        }
        let message = quietly(|| self.client.send_to(TransportType::Udp, to, packet, now));
        if let Ok(Some(message)) = message {
            self.queue(message.build().data);
        }
    }

    /// The next packet and its sender. An error is the end of the allocation. Is to be polled until it is pending, after
    /// [`send`](Self::send) and [`permit`](Self::permit), too.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(SocketAddr, Bytes), TransportError>> {
        if self.inbox.is_empty()
            && let Poll::Ready(error) = self.advance(cx)
        {
            return Poll::Ready(Err(error));
        }
        self.inbox.pop_front().map_or(Poll::Pending, |packet| Poll::Ready(Ok(packet)))
    }

    /// Gives the relayed address back, which servers would keep (and count) until its time is over. Waits 2 s at most.
    pub(crate) async fn close(mut self) {
        let now = self.now();
        if quietly(|| self.client.delete(now)).is_ok() {
            let clock = self.clock.clone();
            // It ends with an error: the allocation is gone.
            let _ = within(&clock, RELEASE, poll_fn(|cx| self.advance(cx))).await;
        }
    }

    /// Waits until `done`. Packets that come in the meantime are kept.
    async fn until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), TransportError> {
        poll_fn(|cx| {
            let end = self.advance(cx);
            if done(self) {
                return Poll::Ready(Ok(()));
            }
            end.map(Err)
        })
        .await
    }

    /// Does all that can be done now. Ready: the allocation has ended.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<TransportError> {
        for _ in 0..TURN {
            let now = self.now();
            while let Some(event) = quietly(|| self.client.poll_event()) {
                self.on_event(event);
            }
            while let Some(message) = quietly(|| self.client.poll_transmit(now)) {
                self.queue(message.data.to_vec());
            }
            if let Poll::Ready(Err(error)) = self.wire.poll_send(cx, &mut self.outgoing) {
                return Poll::Ready(lost(error));
            }
            self.waiting = self.outgoing.iter().map(Vec::len).sum();
            match self.wire.poll_recv(cx) {
                Poll::Ready(Ok(message)) => {
                    self.on_message(message, now);
                    continue;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(lost(error)),
                Poll::Pending => {}
            }
            let wake = match quietly(|| self.client.poll(now)) {
                TurnPollRet::WaitUntil(wake) => wake,
                TurnPollRet::Closed => return Poll::Ready(self.closed()),
                // Only for allocations of TCP.
                TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => now,
            };
            ready!(self.poll_timer(cx, now, wake));
        }
        // Others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when it is time to go on.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: TurnInstant, wake: TurnInstant) -> Poll<()> {
        if self.timer.as_ref().is_none_or(|(at, _)| *at != wake) {
            // "Now" may be said twice in a row: some time must pass, or this would never end.
            let pause = wake.saturating_duration_since(now).max(Duration::from_millis(1));
            self.timer = Some((wake, self.clock.sleep(pause)));
        }
        let Some((_, sleep)) = &mut self.timer else { return Poll::Ready(()) };
        ready!(sleep.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(())
    }

    fn on_event(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::AllocationCreated(_, address) => self.address = address,
            TurnEvent::PermissionCreated(_, peer) => {
                self.permitted = true;
                self.asked.retain(|asked| *asked != peer);
            }
            TurnEvent::PermissionCreateFailed(_, peer) => self.asked.retain(|asked| *asked != peer),
            // Failures end the client, which tells so when it is polled.
            _ => {}
        }
    }

    fn on_message(&mut self, message: Bytes, now: TurnInstant) {
        quietly(|| self.verdict.note(&message));
        let (ours, theirs) = self.ends;
        let transmit = Transmit::new(message, self.client.transport(), theirs, ours);
        if let TurnRecvRet::PeerData(data) = quietly(|| self.client.recv(transmit, now)) {
            self.keep(data.peer, data.data());
        }
        while let Some(data) = quietly(|| self.client.poll_recv(now)) {
            self.keep(data.peer, data.data());
        }
    }

    fn keep(&mut self, peer: SocketAddr, packet: &[u8]) {
        if self.inbox.len() < INBOX {
            self.inbox.push_back((peer, Bytes::copy_from_slice(packet)));
        }
    }

    fn queue(&mut self, message: Vec<u8>) {
        self.waiting += message.len();
        self.outgoing.push_back(message);
    }

    /// The time as the client counts it.
    fn now(&self) -> TurnInstant {
        let passed = self.clock.monotonic().saturating_duration_since(self.start);
        TurnInstant::from_nanos(i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX / 2))
    }

    fn closed(&self) -> TransportError {
        let reason = format!("the TURN server: {}", self.verdict.reason());
        TransportError::new(TransportErrorKind::Interrupted).with_source(reason)
    }
}

impl Drop for Relay {
    /// Over UDP the server does not see that the client is gone: it is told once, without waiting. Streams end by
    /// themselves, and the allocation with them.
    fn drop(&mut self) {
        let now = self.now() + PAUSE;
        if let Wire::Udp(socket) = &self.wire
            && quietly(|| self.client.delete(now)).is_ok()
            && let Some(message) = quietly(|| self.client.poll_transmit(now))
        {
            let _ = socket.try_send(&message.data);
        }
    }
}

impl std::fmt::Debug for Relay {
    // The client knows the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Runs without a word in the log: stun-types 2.0.4 puts the key that signs requests, which is as good as the password,
/// into a span of level TRACE.
pub(super) fn quietly<T>(run: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), run)
}

/// The way to the server broke.
fn lost(error: io::Error) -> TransportError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => TransportErrorKind::Protocol,
        _ => TransportErrorKind::Interrupted,
    };
    TransportError::new(kind).with_source(format!("the connection to the TURN server broke: {error}"))
}
