//! The task that owns the connections of a client of a channel.

mod ending;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use rtc_core::transport::channel::{BoxChannel, Channel as _, Frame};
use rtc_core::{BoxFuture, Bytes, Clock as _, SharedClock, TransportError, timeout};
use tokio::sync::{mpsc, watch};

use super::event::{Event, ReconnectReason, StatusResponse};
use super::link::{Due, Link};
use super::opener::{Opener, is_permanent, refused_message};
use super::options::SignalingOptions;
use super::pacing::Pacing;
use super::queued::{Queued, undelivered};
use super::shared::{Notice, Shared};
use crate::error::{Error, Result};

/// How long writing one message may take.
const WRITE: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a connection that was replaced is read: what it was given before may still be on its way.
const LEAVE: Duration = Duration::from_secs(5);
/// How long messages wait for the connection that is to replace one that still works.
const HOLD: Duration = Duration::from_secs(2);
/// How many handshakes in a row may be refused for good.
const REFUSALS: u32 = 5;

struct Conn {
    channel: BoxChannel,
    link: Link<Queued>,
    number: u64,
    opened: Instant,
}

/// A message that has arrived, over which connection, and until when its refusal is waited for.
struct Listening {
    until: Instant,
    number: u64,
    message: Queued,
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
    /// Until when messages wait for the connection that is being made, so that the present one can be left with nothing
    /// under way. Only for the first attempt: after that the present one is better than none.
    hold: Option<Instant>,
    /// Messages that have arrived and whose refusal is waited for.
    listening: Vec<Listening>,
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
            hold: None,
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
        let takes = self.head.is_none() && self.current.is_some() && self.hold.is_none();
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
            (Some(head), Some(_)) if self.hold.is_none() => {
                Some(self.pacing.ready(head.message.action, self.clock.monotonic()))
            }
            _ => None,
        };
        let links = self.current.iter().chain(self.old.iter().map(|(conn, _)| conn));
        let age = self.current.as_ref().filter(|_| self.opening.is_none());
        links
            .map(|conn| conn.link.deadline())
            .chain(head)
            .chain(self.hold)
            .chain(age.map(|conn| conn.opened + self.options.max_age))
            .chain(self.old.as_ref().map(|(_, until)| *until))
            .chain(self.listening.iter().map(|listening| listening.until))
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
            Wake::OldFrame(Some(Ok(Frame::Close { .. }))) => self.left(true),
            Wake::OldFrame(Some(Err(_)) | None) => self.left(false),
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
        let is_current = self.current.as_ref().is_some_and(|conn| conn.number == number);
        let is_awaited = |status: &StatusResponse| self.sent().any(|message| message.is_named(status));
        match self.shared.receive(&text, number, now, is_awaited) {
            None => {}
            Some(Notice::ReconnectIceServer) => {
                self.opener.forget_ice_servers();
                self.replace(is_current, ReconnectReason::ReconnectIceServer);
            }
            Some(Notice::GoAway) => {
                self.opener.forget_endpoint();
                self.replace(is_current, ReconnectReason::GoAway);
            }
            Some(Notice::Status(status)) => self.answer(&status),
        }
    }

    /// Every message whose end is not known.
    fn sent(&self) -> impl Iterator<Item = &Queued> {
        let conns = self.current.iter().chain(self.old.iter().map(|(conn, _)| conn));
        let unconfirmed = conns.flat_map(|conn| conn.link.unconfirmed());
        unconfirmed.chain(self.listening.iter().map(|listening| &listening.message))
    }

    /// Tells the one who waits for this status.
    fn answer(&mut self, status: &StatusResponse) {
        let heard = self.listening.iter().position(|listening| listening.message.is_named(status));
        let conns = self.current.iter_mut().chain(self.old.iter_mut().map(|(conn, _)| conn));
        let found = match heard {
            Some(at) => Some(self.listening.swap_remove(at).message),
            None => conns.into_iter().find_map(|conn| conn.link.take(|message| message.is_named(status))),
        };
        let Some(message) = found else { return };
        let result =
            if status.is_success() { Ok(()) } else { Err(refused_message(message.message.action, status)) };
        message.finish(result);
    }

    /// What was sent before the ping has arrived.
    fn pong(&mut self, content: &Bytes, number: u64) {
        let until = self.clock.monotonic() + self.options.quiet_time;
        let conns = self.current.iter_mut().chain(self.old.iter_mut().map(|(conn, _)| conn));
        for conn in conns.filter(|conn| conn.number == number) {
            let arrived = conn.link.pong(content).into_iter().filter(|message| message.watch.is_some());
            self.listening.extend(arrived.map(|message| Listening { until, number, message }));
        }
    }

    /// Makes a connection beside the present one, which goes on until then. One that was replaced is replaced already.
    fn replace(&mut self, is_current: bool, reason: ReconnectReason) {
        if is_current && self.opening.is_none() {
            self.shared.push(Event::Reconnecting { reason });
            self.open(Duration::ZERO);
            self.hold = Some(self.clock.monotonic() + HOLD);
            self.current.iter_mut().for_each(|conn| conn.link.hurry());
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

    fn pause(&self) -> Duration {
        let policy = &self.options.reconnect;
        let doubled = policy.base.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(policy.cap).mul_f64(fastrand::f64())
    }

    async fn opened(&mut self, channel: BoxChannel) {
        self.opening = None;
        self.hold = None;
        self.refusals = 0;
        // The one before that is left at once.
        self.leave().await;
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
        self.hold = None;
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

    async fn tick(&mut self) {
        let now = self.clock.monotonic();
        self.hold = self.hold.filter(|until| *until > now);
        for quiet in self.listening.extract_if(.., |listening| listening.until <= now) {
            quiet.message.finish(Ok(()));
        }
        if self.old.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.leave().await;
        }
        let old = self.old.as_mut().map(|(conn, _)| conn);
        for conn in self.current.iter_mut().chain(old) {
            match conn.link.tick(now) {
                Due::Nothing => {}
                Due::Ping(content) => {
                    let ping = Frame::Ping(Bytes::copy_from_slice(&content));
                    let number = conn.number;
                    // One that fails shows in what is received; one that is held up spoils the connection.
                    if timeout(&self.clock, WRITE, conn.channel.send(ping)).await.is_none() {
                        return self.dead(number);
                    }
                }
                Due::Dead => {
                    let number = conn.number;
                    return self.dead(number);
                }
            }
        }
        let age = self.current.as_ref().map(|conn| now.saturating_duration_since(conn.opened));
        if age.is_some_and(|age| age >= self.options.max_age) {
            self.replace(true, ReconnectReason::Age);
        }
        self.send_head().await;
    }

    fn dead(&mut self, number: u64) {
        if self.current.as_ref().is_some_and(|conn| conn.number == number) {
            self.lose(ReconnectReason::Silence);
        } else {
            self.left(false);
        }
    }

    /// Sends the next message, if it is its turn.
    async fn send_head(&mut self) {
        let now = self.clock.monotonic();
        if self.hold.is_some() {
            return;
        }
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
}

/// The next frame of a connection; without one, never.
async fn next_frame(conn: Option<&mut Conn>) -> Option<std::result::Result<Frame, TransportError>> {
    match conn {
        Some(conn) => conn.channel.recv().await,
        None => pending().await,
    }
}
