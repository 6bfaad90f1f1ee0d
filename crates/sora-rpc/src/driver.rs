//! The task between a client's handles and its channel.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rtc_core::transport::TransportError;
use rtc_core::transport::channel::{Channel, Frame};
use rtc_core::{BoxFuture, Bytes, Clock, SharedClock};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::compress::{Deflater, inflate};
use crate::error::{Error, Result, SoraError};
use crate::methods::Message;
use crate::model::Offer;
use crate::options::{CallOptions, ClientOptions};
use crate::peer::{Answer, Peer};

/// How long the last frame may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where the end of a call is told.
pub(crate) type Waiter = oneshot::Sender<Result<Bytes>>;

/// A frame on its way out.
pub(crate) struct Outgoing {
    frame: Bytes,
    /// Told once the channel has taken it.
    written: Option<oneshot::Sender<()>>,
}

/// What the handles, the calls and the driver of a client share.
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: SharedClock,
    limit: usize,
    max_inflated: usize,
    /// Wakes a driver that is held up by a send: the connection is to end, or a deadline came nearer.
    wake: Notify,
    /// Wakes all who wait until RPC can be used: that may have changed.
    changed: Notify,
}

pub(crate) struct State {
    pub(crate) peer: Peer<Waiter>,
    /// There while binary frames are zlib streams, both ways.
    zlib: Option<Box<Deflater>>,
    /// None once the connection has ended or is to end.
    queue: Option<mpsc::Sender<Outgoing>>,
}

impl Shared {
    pub(crate) fn new(options: ClientOptions) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let mut peer = Peer::new(options.peer);
        // A new peer has no calls that could end.
        let _ = peer.offer(true, options.rpc_methods);
        let limit = options.peer.max_pending;
        let (queue, outgoing) = mpsc::channel(limit.clamp(1, mpsc_limit()));
        let mut state = State { peer, zlib: None, queue: Some(queue) };
        state.set_compress(options.compress);
        let (clock, max_inflated) = (options.config.clock, options.max_inflated);
        let (state, wake, changed) = (Mutex::new(state), Notify::new(), Notify::new());
        (Arc::new(Self { state, clock, limit, max_inflated, wake, changed }), outgoing)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a call and queues its message.
    pub(crate) fn call(&self, message: Message, options: &CallOptions, waiter: Waiter) -> Result<u64> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let State { peer, zlib, .. } = &mut *state;
        let (id, frame) = peer.call_packed(message, options, now, waiter, |text| packed(zlib, text))?;
        if let Err(error) = self.queue(&state, Outgoing { frame, written: None }) {
            state.peer.cancel(id);
            return Err(error);
        }
        drop(state);
        self.wake.notify_one();
        Ok(id)
    }

    /// Queues a notification; `written` is told when the channel has taken it.
    pub(crate) fn notify(
        &self,
        message: Message,
        options: &CallOptions,
        written: oneshot::Sender<()>,
    ) -> Result<()> {
        let mut state = self.state();
        let State { peer, zlib, .. } = &mut *state;
        let frame = peer.notify_packed(message, options, |text| packed(zlib, text))?;
        self.queue(&state, Outgoing { frame, written: Some(written) })
    }

    fn queue(&self, state: &State, message: Outgoing) -> Result<()> {
        let queue = state.queue.as_ref().ok_or_else(|| Error::refused(SoraError::Disconnected))?;
        queue.try_send(message).map_err(|error| {
            Error::refused(match error {
                mpsc::error::TrySendError::Full(_) => SoraError::TooManyPending { limit: self.limit },
                mpsc::error::TrySendError::Closed(_) => SoraError::Disconnected,
            })
        })
    }

    /// Takes in a later offer; calls that cannot be answered any more end.
    pub(crate) fn offer(&self, offer: &Offer) {
        let mut state = self.state();
        let compress = offer.compress.unwrap_or(state.zlib.is_some());
        state.set_compress(compress);
        let lost = state.peer.offer(offer.rpc, offer.rpc_methods.iter().cloned());
        drop(state);
        lose(lost);
        self.changed.notify_waiters();
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.state().peer.set_open(open);
        self.changed.notify_waiters();
    }

    /// Waits until RPC can be used or never will be. After `limit`: why it cannot.
    pub(crate) async fn ready(&self, limit: Duration) -> Result<()> {
        let ready = rtc_core::timeout(&self.clock, limit, async {
            loop {
                let mut changed = pin!(self.changed.notified());
                // Before the look: a change right after it is not missed.
                changed.as_mut().enable();
                let ready = self.state().peer.ready();
                match ready.as_ref().err().and_then(Error::service) {
                    Some(SoraError::NotAvailable | SoraError::ChannelNotOpen) => changed.await,
                    _ => return ready,
                }
            }
        });
        ready.await.unwrap_or_else(|| self.state().peer.ready())
    }

    /// Ends every pending call and refuses later ones.
    pub(crate) fn close(&self) {
        self.end(Peer::disconnect);
    }

    /// Ends the connection, if nothing has ended it before; `how` says why.
    pub(crate) fn end(&self, how: impl FnOnce(&mut Peer<Waiter>) -> Vec<Answer<'static, Waiter>>) {
        let mut state = self.state();
        if state.queue.take().is_none() {
            return;
        }
        let lost = how(&mut state.peer);
        drop(state);
        lose(lost);
        self.wake.notify_one();
        self.changed.notify_waiters();
    }

    /// What a binary frame holds. One that is no zlib stream where it should be, or too large a one, is empty:
    /// the peer drops it as it drops all that is malformed.
    fn unpacked(&self, frame: Bytes) -> Bytes {
        if self.state().zlib.is_none() {
            return frame;
        }
        inflate(&frame, self.max_inflated).map(Bytes::from).unwrap_or_default()
    }

    fn is_closed(&self) -> bool {
        self.state().queue.is_none()
    }

    fn receive(&self, message: &Bytes) {
        // The lock is gone before the answer is told.
        let answer = self.state().peer.receive(message);
        if let Some(answer) = answer {
            deliver(answer, |text| message.slice_ref(text.as_bytes()));
        }
    }

    fn expire(&self, now: Instant) {
        loop {
            let answer = self.state().peer.expire(now);
            match answer {
                Some(answer) => deliver(answer, |_| Bytes::new()),
                None => return,
            }
        }
    }
}

impl State {
    fn set_compress(&mut self, on: bool) {
        self.zlib = on.then(|| self.zlib.take().unwrap_or_else(|| Box::new(Deflater::new())));
    }
}

/// A message as the binary frame that it goes out in.
fn packed(zlib: &mut Option<Box<Deflater>>, message: Vec<u8>) -> Bytes {
    match zlib {
        Some(zlib) => zlib.deflate(&message).into(),
        None => message.into(),
    }
}

/// The largest queue that the channel of commands can have.
const fn mpsc_limit() -> usize {
    tokio::sync::Semaphore::MAX_PERMITS
}

/// Tells the calls that ended with the connection, with no lock held.
fn lose(lost: Vec<Answer<'static, Waiter>>) {
    lost.into_iter().for_each(|answer| deliver(answer, |_| Bytes::new()));
}

fn deliver(answer: Answer<'_, Waiter>, bytes: impl FnOnce(&str) -> Bytes) {
    // Whoever waited may be gone.
    let _ = answer.token.send(answer.outcome.map(bytes));
}

/// Moves messages between the queue and the channel, and ends calls whose time runs out.
pub(crate) struct Driver<C> {
    channel: C,
    outgoing: mpsc::Receiver<Outgoing>,
    time: Timer,
}

enum Event {
    Frame(Option<std::result::Result<Frame, TransportError>>),
    Outgoing(Option<Outgoing>),
}

impl<C: Channel> Driver<C> {
    pub(crate) fn new(channel: C, shared: Arc<Shared>, outgoing: mpsc::Receiver<Outgoing>) -> Self {
        Self { channel, outgoing, time: Timer { shared, sleep: None } }
    }

    /// Runs until either side ends the connection.
    pub(crate) async fn run(mut self) {
        loop {
            let going_on = match self.next().await {
                Event::Frame(Some(Ok(Frame::Text(text)))) => self.receive(text.into()),
                Event::Frame(Some(Ok(Frame::Binary(bytes)))) => {
                    self.receive(self.time.shared.unpacked(bytes))
                }
                Event::Frame(Some(Ok(Frame::Close { .. }) | Err(_)) | None) => false,
                // Liveness is the channel's own business.
                Event::Frame(Some(Ok(_))) => true,
                Event::Outgoing(Some(message)) => self.send(message).await,
                Event::Outgoing(None) => {
                    self.say_goodbye().await;
                    false
                }
            };
            if !going_on {
                return;
            }
        }
    }

    /// Tells the other side, unless the channel is held up.
    async fn say_goodbye(&mut self) {
        let close = Frame::Close { code: 1000, reason: String::new() };
        let clock = self.time.shared.clock.clone();
        let _ = rtc_core::timeout(&clock, GOODBYE, self.channel.send(close)).await;
    }

    fn receive(&self, message: Bytes) -> bool {
        self.time.shared.receive(&message);
        true
    }

    async fn next(&mut self) -> Event {
        let Self { channel, outgoing, time } = self;
        let mut frame = pin!(channel.recv());
        poll_fn(|cx| {
            time.poll(cx);
            // Answers first: they make room.
            if let Poll::Ready(frame) = frame.as_mut().poll(cx) {
                return Poll::Ready(Event::Frame(frame));
            }
            outgoing.poll_recv(cx).map(Event::Outgoing)
        })
        .await
    }

    /// Sends a message. Deadlines go on meanwhile; a channel that is held up is given up when the connection
    /// is to end.
    async fn send(&mut self, message: Outgoing) -> bool {
        let Self { channel, time, .. } = self;
        let shared = Arc::clone(&time.shared);
        let mut send = pin!(channel.send(Frame::Binary(message.frame)));
        let mut wake = pin!(shared.wake.notified());
        let sent = poll_fn(|cx| {
            if let Poll::Ready(sent) = send.as_mut().poll(cx) {
                return Poll::Ready(sent.is_ok());
            }
            loop {
                time.poll(cx);
                if shared.is_closed() {
                    return Poll::Ready(false);
                }
                if wake.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                wake.set(shared.wake.notified());
            }
        })
        .await;
        if let (true, Some(written)) = (sent, message.written) {
            let _ = written.send(());
        }
        sent
    }
}

/// The one timer of a connection. However the driver ends, no call is left waiting.
struct Timer {
    shared: Arc<Shared>,
    sleep: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl Timer {
    /// Ends the calls that are due, and sees to it that the task is woken for the next one.
    fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            let Some(deadline) = self.shared.state().peer.next_deadline() else { return };
            let now = self.shared.clock.monotonic();
            if deadline <= now {
                self.shared.expire(now);
                continue;
            }
            let sleep = match &mut self.sleep {
                // One that ends too early only makes it look again.
                Some((until, sleep)) if *until <= deadline => sleep,
                late => &mut late.insert((deadline, self.shared.clock.sleep(deadline - now))).1,
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return;
            }
            self.sleep = None;
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.close();
    }
}
