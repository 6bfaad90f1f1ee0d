//! The task that owns the connections of a client of a channel.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use rtc_core::transport::channel::{BoxChannel, Channel as _, Frame};
use rtc_core::{
    BoxFuture, Bytes, Clock as _, Reason, SharedClock, TransportError, TransportErrorKind, timeout,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::decode::refusal;
use super::event::{Event, ReconnectReason, StatusResponse};
use super::link::{Due, Link};
use super::message::Outgoing;
use super::opener::{Opener, is_permanent};
use super::options::SignalingOptions;
use super::pacing::Pacing;
use super::shared::{Notice, Shared, Ticket};
use crate::error::{Error, Result};

/// How long writing one message may take.
const WRITE: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a connection that was replaced is read: what it was given before may still be on its way.
const LEAVE: Duration = Duration::from_secs(5);
/// How many handshakes in a row may be refused for good.
const REFUSALS: u32 = 2;

/// A message on its way out.
pub(super) struct Queued {
    pub(super) message: Outgoing,
    /// Told once the connection has taken it.
    pub(super) written: Option<oneshot::Sender<Result<()>>>,
    /// Told what became of it.
    pub(super) watch: Option<oneshot::Sender<Result<()>>>,
    /// Whether a byte of it may have been sent.
    pub(super) started: Arc<AtomicBool>,
    /// Counts it among the pending ones until it is dropped.
    pub(super) _ticket: Ticket,
}

impl Queued {
    fn is_abandoned(&self) -> bool {
        self.written.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    fn is_named(&self, status: &StatusResponse) -> bool {
        self.watch.is_some() && self.message.correlation_id.as_deref() == Some(&status.correlation_id)
    }

    /// Tells the one who watches.
    fn finish(mut self, result: Result<()>) {
        if let Some(watch) = self.watch.take() {
            let _ = watch.send(result);
        }
    }
}

struct Conn {
    channel: BoxChannel,
    link: Link<Queued>,
    number: u64,
    opened: Instant,
}

enum Wake {
    Close,
    Opened(Result<BoxChannel>),
    Frame(Option<std::result::Result<Frame, TransportError>>),
    /// Of the connection that was replaced.
    OldFrame(Option<std::result::Result<Frame, TransportError>>),
    Message(Option<Queued>),
    Tick,
}

pub(super) struct Driver {
    opener: Opener,
    options: SignalingOptions,
    clock: SharedClock,
    shared: Arc<Shared>,
    messages: mpsc::Receiver<Queued>,
    /// The message that is next, while it must wait for its turn.
    head: Option<Queued>,
    current: Option<Conn>,
    /// The connection that was replaced, and until when it is read.
    old: Option<(Conn, Instant)>,
    opening: Option<BoxFuture<'static, Result<BoxChannel>>>,
    /// Messages that have arrived and whose refusal is waited for, each until then.
    listening: Vec<(Instant, Queued)>,
    pacing: Pacing,
    /// Attempts in a row that failed, and those of them that were refused for good.
    failures: u32,
    refusals: u32,
    connections: u64,
    timer: Option<(Instant, BoxFuture<'static, ()>)>,
    frames_first: bool,
}

/// Ends the handles even where the runtime drops the task.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Driver {
    pub(super) fn new(
        opener: Opener,
        options: SignalingOptions,
        shared: Arc<Shared>,
        messages: mpsc::Receiver<Queued>,
        channel: BoxChannel,
    ) -> Self {
        let clock = opener.client.caller().clock().clone();
        let mut driver = Self {
            opener,
            options,
            clock,
            shared,
            messages,
            head: None,
            current: None,
            old: None,
            opening: None,
            listening: Vec::new(),
            pacing: Pacing::new(),
            failures: 0,
            refusals: 0,
            connections: 0,
            timer: None,
            frames_first: false,
        };
        driver.use_channel(channel);
        driver
    }

    /// Runs until it is closed, or given up. `_ended` tells by its end that all is over.
    pub(super) async fn run(mut self, _ended: watch::Sender<()>) {
        let _ending = Ending(Arc::clone(&self.shared));
        let error = loop {
            let wake = self.wake().await;
            match self.react(wake).await {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(Arc::new(error)),
            }
        };
        self.finish().await;
        self.shared.push(Event::Closed { error });
    }

    /// Waits for whatever comes first.
    async fn wake(&mut self) -> Wake {
        if self.shared.is_closing() {
            return Wake::Close;
        }
        let deadline = self.deadline();
        let now = self.clock.monotonic();
        let is_due = deadline.is_some_and(|at| at <= now);
        if self.timer.as_ref().map(|(at, _)| *at) != deadline {
            self.timer = deadline.map(|at| (at, self.clock.sleep(at.saturating_duration_since(now))));
        }
        // In turns, so that neither a flood of frames nor one of messages starves the rest.
        self.frames_first = !self.frames_first;
        let frames_first = self.frames_first;
        let takes = self.head.is_none() && self.current.is_some();
        let shared = Arc::clone(&self.shared);
        let Self { current, old, opening, messages, timer, .. } = self;
        let mut frame = pin!(next_frame(current.as_mut()));
        let mut old_frame = pin!(next_frame(old.as_mut().map(|(conn, _)| conn)));
        let mut closing = pin!(shared.closing.notified());
        poll_fn(|cx| {
            if closing.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Wake::Close);
            }
            if let Some(opening) = opening
                && let Poll::Ready(opened) = opening.as_mut().poll(cx)
            {
                return Poll::Ready(Wake::Opened(opened));
            }
            for frames in [frames_first, !frames_first] {
                if frames {
                    if let Poll::Ready(frame) = old_frame.as_mut().poll(cx) {
                        return Poll::Ready(Wake::OldFrame(frame));
                    }
                    if let Poll::Ready(frame) = frame.as_mut().poll(cx) {
                        return Poll::Ready(Wake::Frame(frame));
                    }
                    continue;
                }
                if is_due {
                    return Poll::Ready(Wake::Tick);
                }
                if takes && let Poll::Ready(message) = messages.poll_recv(cx) {
                    return Poll::Ready(Wake::Message(message));
                }
            }
            if let Some((_, sleep)) = timer
                && sleep.as_mut().poll(cx).is_ready()
            {
                *timer = None;
                return Poll::Ready(Wake::Tick);
            }
            Poll::Pending
        })
        .await
    }

    /// When something is due that nothing else wakes for.
    fn deadline(&mut self) -> Option<Instant> {
        let head = match (&self.head, &self.current) {
            (Some(head), Some(_)) => Some(self.pacing.ready(head.message.action, self.clock.monotonic())),
            _ => None,
        };
        let links = self.current.iter().chain(self.old.iter().map(|(conn, _)| conn));
        let age = self.current.as_ref().filter(|_| self.opening.is_none());
        links
            .map(|conn| conn.link.deadline())
            .chain(head)
            .chain(age.map(|conn| conn.opened + self.options.max_age))
            .chain(self.old.as_ref().map(|(_, until)| *until))
            .chain(self.listening.iter().map(|(until, _)| *until))
            .min()
    }

    /// `false` means that this side wants to end the connection.
    async fn react(&mut self, wake: Wake) -> Result<bool> {
        match wake {
            Wake::Close => return Ok(false),
            Wake::Opened(Ok(channel)) => self.opened(channel).await,
            Wake::Opened(Err(error)) => self.not_opened(error)?,
            Wake::Frame(Some(Ok(Frame::Close { code, .. }))) => {
                self.lose(ReconnectReason::Lost { code: Some(code) })
            }
            Wake::Frame(Some(Ok(frame))) => {
                let number = self.current.as_ref().map_or(0, |conn| conn.number);
                self.frame(frame, number);
            }
            Wake::Frame(Some(Err(_)) | None) => self.lose(ReconnectReason::Lost { code: None }),
            Wake::OldFrame(Some(Ok(Frame::Close { .. }) | Err(_)) | None) => self.leave(false).await,
            Wake::OldFrame(Some(Ok(frame))) => {
                let number = self.old.as_ref().map_or(0, |(conn, _)| conn.number);
                self.frame(frame, number);
            }
            Wake::Message(Some(message)) => {
                self.head = Some(message);
                self.send_head().await;
            }
            // The handles are gone; whoever drops the last one ends the task, too.
            Wake::Message(None) => return Ok(false),
            Wake::Tick => self.tick().await,
        }
        Ok(true)
    }

    fn frame(&mut self, frame: Frame, number: u64) {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Pong(content) => return self.pong(&content, number),
            // The channel answers pings itself, and the service sends no binary messages.
            _ => return,
        };
        let now = self.clock.monotonic();
        let is_awaited = |status: &StatusResponse| self.sent().any(|message| message.is_named(status));
        match self.shared.receive(&text, number, now, is_awaited) {
            None => {}
            Some(Notice::GoAway) => {
                self.opener.forget_endpoint();
                self.replace(ReconnectReason::GoAway);
            }
            Some(Notice::ReconnectIceServer) => {
                self.opener.forget_ice_servers();
                self.replace(ReconnectReason::ReconnectIceServer);
            }
            Some(Notice::Status(status)) => self.answer(&status),
        }
    }

    /// Every message whose end is not known.
    fn sent(&self) -> impl Iterator<Item = &Queued> {
        let conns = self.current.iter().chain(self.old.iter().map(|(conn, _)| conn));
        let unconfirmed = conns.flat_map(|conn| conn.link.unconfirmed());
        unconfirmed.chain(self.listening.iter().map(|(_, message)| message))
    }

    /// Tells the one who waits for this status.
    fn answer(&mut self, status: &StatusResponse) {
        let heard = self.listening.iter().position(|(_, message)| message.is_named(status));
        let conns = self.current.iter_mut().chain(self.old.iter_mut().map(|(conn, _)| conn));
        let found = match heard {
            Some(at) => Some(self.listening.swap_remove(at).1),
            None => conns.into_iter().find_map(|conn| conn.link.take(|message| message.is_named(status))),
        };
        let Some(message) = found else { return };
        let result = if status.is_success() {
            Ok(())
        } else {
            let refused = refusal(message.message.action.operation(), status);
            Err(Error::new(Reason::Service(refused)).with_exchange(1, true))
        };
        message.finish(result);
    }

    /// What was sent before the ping has arrived.
    fn pong(&mut self, content: &Bytes, number: u64) {
        let until = self.clock.monotonic() + self.options.quiet_time;
        let conns = self.current.iter_mut().chain(self.old.iter_mut().map(|(conn, _)| conn));
        for conn in conns.filter(|conn| conn.number == number) {
            let arrived = conn.link.pong(content).into_iter().filter(|message| message.watch.is_some());
            self.listening.extend(arrived.map(|message| (until, message)));
        }
    }

    /// Makes a connection beside the present one, which goes on until then.
    fn replace(&mut self, reason: ReconnectReason) {
        if self.opening.is_none() {
            self.shared.push(Event::Reconnecting { reason });
            self.open(Duration::ZERO);
        }
    }

    fn open(&mut self, pause: Duration) {
        let (opener, clock) = (self.opener.clone(), self.clock.clone());
        self.opening = Some(Box::pin(async move {
            if !pause.is_zero() {
                clock.sleep(pause).await;
            }
            opener.open().await
        }));
    }

    /// The connection is gone.
    fn lose(&mut self, reason: ReconnectReason) {
        let Some(conn) = self.current.take() else { return };
        self.shared.disconnected();
        if self.clock.monotonic().saturating_duration_since(conn.opened) >= self.options.reconnect.cap {
            self.failures = 0;
        }
        let was_opening = self.opening.is_some();
        self.lost_with(conn);
        if !was_opening {
            self.shared.push(Event::Reconnecting { reason });
            self.failures = self.failures.saturating_add(1);
            let pause = self.pause();
            self.open(pause);
        }
    }

    /// Reports what the end of a connection has taken along.
    fn lost_with(&mut self, conn: Conn) {
        for message in conn.link.into_unconfirmed() {
            self.shared.push(Event::Undelivered(message.message.clone()));
            message.finish(Err(undelivered()));
        }
    }

    fn pause(&self) -> Duration {
        let policy = &self.options.reconnect;
        let doubled = policy.base.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(policy.cap).mul_f64(fastrand::f64())
    }

    async fn opened(&mut self, channel: BoxChannel) {
        self.opening = None;
        self.refusals = 0;
        // The one before that is left at once.
        self.leave(true).await;
        if let Some(conn) = self.current.take() {
            self.old = Some((conn, self.clock.monotonic() + LEAVE));
        }
        self.use_channel(channel);
    }

    fn use_channel(&mut self, channel: BoxChannel) {
        let now = self.clock.monotonic();
        self.connections += 1;
        let link = Link::new(self.options.ping_interval, now);
        self.current = Some(Conn { channel, link, number: self.connections, opened: now });
        self.shared.push(Event::Connected);
    }

    fn not_opened(&mut self, error: Error) -> Result<()> {
        self.opening = None;
        self.failures = self.failures.saturating_add(1);
        self.refusals = if is_permanent(&error) { self.refusals + 1 } else { 0 };
        let is_hopeless = self.refusals >= REFUSALS || self.failures >= self.options.reconnect.max_attempts;
        // As long as the present connection lasts there is hope.
        if is_hopeless && self.current.is_none() {
            return Err(error);
        }
        let pause = self.pause();
        self.open(pause);
        Ok(())
    }

    /// Leaves the connection that was replaced.
    async fn leave(&mut self, say_goodbye: bool) {
        let Some((mut conn, _)) = self.old.take() else { return };
        if say_goodbye {
            let _ = timeout(&self.clock, GOODBYE, conn.channel.send(close_frame())).await;
        }
        self.lost_with(conn);
    }

    async fn tick(&mut self) {
        let now = self.clock.monotonic();
        while let Some(at) = self.listening.iter().position(|(until, _)| *until <= now) {
            self.listening.swap_remove(at).1.finish(Ok(()));
        }
        if self.old.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.leave(true).await;
        }
        let old = self.old.as_mut().map(|(conn, _)| conn);
        for conn in self.current.iter_mut().chain(old) {
            match conn.link.tick(now) {
                Due::Nothing => {}
                Due::Ping(content) => {
                    let ping = Frame::Ping(Bytes::copy_from_slice(&content));
                    // Whether it went out shows when it is answered.
                    let _ = timeout(&self.clock, WRITE, conn.channel.send(ping)).await;
                }
                Due::Dead => {
                    let number = conn.number;
                    return self.dead(number).await;
                }
            }
        }
        let age = self.current.as_ref().map(|conn| now.saturating_duration_since(conn.opened));
        if age.is_some_and(|age| age >= self.options.max_age) {
            self.replace(ReconnectReason::Age);
        }
        self.send_head().await;
    }

    async fn dead(&mut self, number: u64) {
        if self.current.as_ref().is_some_and(|conn| conn.number == number) {
            self.lose(ReconnectReason::Silence);
        } else {
            self.leave(false).await;
        }
    }

    /// Sends the next message, if it is its turn.
    async fn send_head(&mut self) {
        let now = self.clock.monotonic();
        let Some(conn) = &mut self.current else { return };
        let Some(mut queued) = self.head.take() else { return };
        if queued.is_abandoned() {
            return;
        }
        let action = queued.message.action;
        if self.pacing.ready(action, now) > now {
            self.head = Some(queued);
            return;
        }
        self.pacing.take(action, now);
        queued.started.store(true, Ordering::Relaxed);
        let frame = Frame::Text(queued.message.encode());
        let sent = timeout(&self.clock, WRITE, conn.channel.send(frame)).await;
        let written = queued.written.take();
        if let Some(Ok(())) = sent {
            conn.link.sent(queued);
            if let Some(written) = written {
                let _ = written.send(Ok(()));
            }
            return;
        }
        let is_told = written.is_some_and(|written| written.send(Err(undelivered())).is_ok());
        if !is_told {
            self.shared.push(Event::Undelivered(queued.message.clone()));
        }
        queued.finish(Err(undelivered()));
        self.lose(if sent.is_none() {
            ReconnectReason::Silence
        } else {
            ReconnectReason::Lost { code: None }
        });
    }

    /// Ends everything: first the messages that were not sent, then the connections.
    async fn finish(&mut self) {
        self.opening = None;
        self.head = None;
        self.messages.close();
        while self.messages.try_recv().is_ok() {}
        self.leave(true).await;
        let Some(mut conn) = self.current.take() else { return self.close_listeners() };
        self.shared.disconnected();
        let clock = self.clock.clone();
        let goodbye = self.goodbye(&mut conn);
        if timeout(&clock, GOODBYE, goodbye).await == Some(true) {
            // The peer's goodbye follows everything that it has read.
            for message in conn.link.into_unconfirmed() {
                message.finish(Err(closed()));
            }
        } else {
            self.lost_with(conn);
        }
        self.close_listeners();
    }

    fn close_listeners(&mut self) {
        for (_, message) in self.listening.drain(..) {
            message.finish(Err(closed()));
        }
    }

    /// Closes a connection; what arrives until then is still told. `true` when the peer has answered.
    async fn goodbye(&mut self, conn: &mut Conn) -> bool {
        if conn.channel.send(close_frame()).await.is_err() {
            return false;
        }
        loop {
            match conn.channel.recv().await {
                // An end without an error follows the peer's answer, too.
                Some(Ok(Frame::Close { .. })) | None => return true,
                Some(Ok(Frame::Text(text))) => {
                    self.shared.receive(&text, conn.number, self.clock.monotonic(), |_| false);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
            }
        }
    }
}

/// The next frame of a connection; without one, never.
async fn next_frame(conn: Option<&mut Conn>) -> Option<std::result::Result<Frame, TransportError>> {
    match conn {
        Some(conn) => conn.channel.recv().await,
        None => pending().await,
    }
}

fn close_frame() -> Frame {
    Frame::Close { code: 1000, reason: String::new() }
}

/// The end of a message that was sent by a client that is closed.
pub(super) fn closed() -> Error {
    Error::new(Reason::Closed).with_exchange(1, true)
}

fn undelivered() -> Error {
    let error = TransportError::new(TransportErrorKind::Interrupted);
    let error =
        error.with_source("the connection was lost before the service showed that it had the message");
    Error::new(Reason::Transport(error)).with_exchange(1, true)
}
