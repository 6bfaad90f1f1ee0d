//! The task of a connection: it waits for everything at once and acts on what comes first.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rtc_core::transport::channel::BoxChannel;
use rtc_core::{BoxFuture, Bytes, ClientConfig, Clock as _, TransportError, Trust, Url};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::event::ConnectionEvent;
use super::lane::Lane as RpcLane;
use super::link::Link;
use super::relay::Relay;
use super::session::Happened;
use super::steps;
use super::web::{self, Told, Web};
use crate::client::Client;
use crate::error::{Error, Result, Stage};
use crate::model::Offer;
use crate::options::ClientOptions;
use crate::signaling::{Counters, End, Signaling};

/// The label of the data channel that the client speaks over.
pub(super) const RPC: &str = "rpc";
/// How long the last messages may take, that to a TURN server included.
pub(super) const GOODBYE: Duration = Duration::from_secs(3);
/// No timer waits longer: it looks again.
const LONGEST: Duration = Duration::from_secs(3600);

/// How a connection is made.
pub(super) struct Settings {
    pub(super) urls: Vec<Url>,
    /// Its policy knows the URLs.
    pub(super) config: ClientConfig,
    pub(super) client: ClientOptions,
    /// The limit of connecting, all steps together.
    pub(super) limit: Duration,
    pub(super) trusted_hosts: Vec<String>,
}

/// What the handles see of a connection that stands.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) client: Client,
    pub(super) offer: Arc<Offer>,
    pub(super) counters: Counters,
}

/// How far a connection is.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Connecting,
    Ready,
    Over,
}

/// What the handles ask for.
pub(super) struct Message {
    pub(super) label: String,
    pub(super) data: Bytes,
    pub(super) done: oneshot::Sender<Result<()>>,
}

/// The wish to disconnect; told whether the server has closed in time.
pub(super) type Goodbye = oneshot::Sender<bool>;

/// Where the handles and the task meet.
pub(super) struct Ends {
    pub(super) known: oneshot::Sender<Result<Arc<Mutex<Known>>>>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) events: broadcast::Sender<ConnectionEvent>,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) goodbyes: mpsc::Receiver<Goodbye>,
}

/// Why the task is done.
pub(super) enum Over {
    Ended(End),
    Failed(Error),
    /// There are no handles any more.
    Dropped,
}

/// A disconnect under way.
pub(super) struct Leaving {
    pub(super) until: Instant,
    pub(super) told: Vec<Goodbye>,
}

pub(super) struct Task {
    pub(super) settings: Settings,
    pub(super) signaling: Signaling,
    pub(super) stage: Stage,
    /// The URL that is or was talked to, as it may be shown.
    pub(super) url: Option<String>,
    /// Until when connecting must be done; none when it is.
    pub(super) until: Option<Instant>,
    pub(super) opening: Option<BoxFuture<'static, Result<(BoxChannel, Url)>>>,
    pub(super) web: Option<Web>,
    pub(super) gathering: Option<BoxFuture<'static, std::result::Result<Box<Relay>, TransportError>>>,
    /// A session description that is answered once there is a relay.
    pub(super) unanswered: Option<String>,
    pub(super) link: Option<Link>,
    pub(super) lane: Option<RpcLane>,
    /// The client's own future.
    pub(super) driver: Option<BoxFuture<'static, ()>>,
    /// Messages of signaling and of RPC that there was no room for.
    pub(super) held: Option<crate::signaling::Transmit>,
    pub(super) parked: Option<Bytes>,
    pub(super) known: Option<Arc<Mutex<Known>>>,
    /// Who waits for the connection to stand.
    pub(super) connected: Option<oneshot::Sender<Result<Arc<Mutex<Known>>>>>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) events: broadcast::Sender<ConnectionEvent>,
    messages: mpsc::Receiver<Message>,
    goodbyes: mpsc::Receiver<Goodbye>,
    pub(super) leaving: Option<Leaving>,
    /// Says goodbye to a server that has sent the connection elsewhere.
    pub(super) parting: Option<BoxFuture<'static, ()>>,
    sleep: Option<(Instant, BoxFuture<'static, ()>)>,
    pub(super) over: Option<Over>,
}

/// What came first.
enum Input {
    Opened(Result<(BoxChannel, Url)>),
    Web(Option<Told>),
    Gathered(std::result::Result<Box<Relay>, TransportError>),
    Link(Happened),
    Rpc(Bytes),
    Message(Message),
    Goodbye(Goodbye),
    /// A time limit has come.
    Late,
    /// There is room again, or a future is done: look again.
    Moved,
    /// All handles are gone.
    Unwanted,
}

impl Task {
    pub(super) fn new(settings: Settings, signaling: Signaling, ends: Ends) -> Self {
        let until = settings.config.clock.monotonic() + settings.limit;
        let mut task = Self {
            settings,
            signaling,
            stage: Stage::WebSocket,
            url: None,
            until: Some(until),
            opening: None,
            web: None,
            gathering: None,
            unanswered: None,
            link: None,
            lane: None,
            driver: None,
            held: None,
            parked: None,
            known: None,
            connected: Some(ends.known),
            phase: ends.phase,
            events: ends.events,
            messages: ends.messages,
            goodbyes: ends.goodbyes,
            leaving: None,
            parting: None,
            sleep: None,
            over: None,
        };
        let (urls, config) = (task.settings.urls.clone(), task.settings.config.clone());
        task.opening = Some(Box::pin(web::open(urls, Trust::Configured, config)));
        task
    }

    /// Runs until the connection has ended, and closes everything.
    pub(super) async fn run(mut self) {
        loop {
            self.follow();
            if let Some(over) = self.over.take() {
                return self.finish(over).await;
            }
            match self.next().await {
                Input::Opened(opened) => self.opened(opened),
                Input::Web(told) => self.told(told),
                Input::Gathered(relay) => self.gathered(relay),
                Input::Link(happened) => self.happened(happened),
                Input::Rpc(bytes) => self.parked = Some(bytes),
                Input::Message(message) => {
                    let sent = self.signaling.send(&message.label, message.data);
                    let _ = message.done.send(sent);
                }
                Input::Goodbye(goodbye) => self.leave(goodbye),
                Input::Late => self.late(),
                Input::Moved => {}
                Input::Unwanted => self.over = Some(Over::Dropped),
            }
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.settings.config.clock.monotonic()
    }

    pub(super) fn publish(&self, event: ConnectionEvent) {
        // Nobody need listen.
        let _ = self.events.send(event);
    }

    /// Changes what the handles see.
    pub(super) fn know(&self, change: impl FnOnce(&mut Known)) {
        if let Some(known) = &self.known {
            change(&mut known.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(super) fn client(&self) -> Option<Client> {
        let known = self.known.as_ref()?;
        Some(known.lock().unwrap_or_else(PoisonError::into_inner).client.clone())
    }

    async fn next(&mut self) -> Input {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The handles, the client and the limits have their turn before what the server sends, and again after it, as it
    /// makes room: a server that never pauses must not keep anybody waiting.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let now = self.now();
        if self.limit().is_some_and(|limit| limit <= now) {
            return Poll::Ready(Input::Late);
        }
        if let Poll::Ready(goodbye) = self.goodbyes.poll_recv(cx) {
            return Poll::Ready(goodbye.map_or(Input::Unwanted, Input::Goodbye));
        }
        for poll in [Self::poll_user, Self::poll_server, Self::poll_user] {
            if let Poll::Ready(input) = poll(self, cx, now) {
                return Poll::Ready(input);
            }
        }
        self.poll_time(cx, now)
    }

    /// What comes from outside.
    fn poll_server(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Input> {
        if let Poll::Ready(opened) = poll_slot(&mut self.opening, cx) {
            return Poll::Ready(Input::Opened(opened));
        }
        if let Some(web) = &mut self.web
            && let Poll::Ready(told) = web.poll(cx)
        {
            return Poll::Ready(Input::Web(told));
        }
        if let Poll::Ready(gathered) = poll_slot(&mut self.gathering, cx) {
            return Poll::Ready(Input::Gathered(gathered));
        }
        // Nobody waits for it.
        let _ = poll_slot(&mut self.parting, cx);
        match &mut self.link {
            Some(link) => link.poll(cx, now).map(Input::Link),
            None => Poll::Pending,
        }
    }

    /// What is to be sent.
    fn poll_user(&mut self, cx: &mut Context<'_>, _: Instant) -> Poll<Input> {
        if let Poll::Ready(()) = poll_slot(&mut self.driver, cx) {
            return Poll::Ready(Input::Moved);
        }
        if self.write() {
            return Poll::Ready(Input::Moved);
        }
        // What cannot be written now waits with its sender.
        if self.held.is_some() || self.parked.is_some() || self.link.as_mut().is_some_and(Link::is_busy) {
            return Poll::Pending;
        }
        if let Some(lane) = &mut self.lane
            && let Poll::Ready(Some(bytes)) = lane.outgoing.poll_recv(cx)
        {
            return Poll::Ready(Input::Rpc(bytes));
        }
        self.messages.poll_recv(cx).map(|message| message.map_or(Input::Unwanted, Input::Message))
    }

    /// The next time limit.
    fn limit(&self) -> Option<Instant> {
        let limits = [self.until, self.leaving.as_ref().map(|leaving| leaving.until)];
        limits.into_iter().flatten().min()
    }

    /// Sleeps until the next thing is due.
    fn poll_time(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Input> {
        let due = self.limit().into_iter().chain(self.link.as_ref().map(Link::due)).min();
        let due = due.unwrap_or(now + LONGEST).min(now + LONGEST);
        let sleep = match &mut self.sleep {
            // One that ends too early only makes it look again.
            Some((until, sleep)) if *until <= due => sleep,
            late => {
                let wait = due.saturating_duration_since(now);
                &mut late.insert((due, self.settings.config.clock.sleep(wait))).1
            }
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.sleep = None;
        Poll::Ready(Input::Moved)
    }

    /// Writes what there was no room for. Tells whether anything went out.
    fn write(&mut self) -> bool {
        let Some(link) = &mut self.link else { return false };
        let mut moved = false;
        if let Some(transmit) = &self.held
            && let crate::signaling::Lane::Channel(label) = &transmit.to
            && link.write(label, &transmit.frame)
        {
            self.held = None;
            moved = true;
        }
        if let Some(bytes) = &self.parked
            && link.write(RPC, &rtc_core::transport::channel::Frame::Binary(bytes.clone()))
        {
            self.parked = None;
            moved = true;
        }
        moved
    }

    /// Tells everybody, then closes everything.
    async fn finish(mut self, over: Over) {
        if let Some(client) = self.client() {
            client.disconnect();
        }
        let in_time =
            !matches!(&over, Over::Ended(end) if end.class == crate::signaling::EndClass::DisconnectTimeout);
        let (end, failure) = self.judge(over);
        self.phase.send_replace(Phase::Over);
        if let Some(end) = end {
            self.publish(ConnectionEvent::Ended(end));
        }
        if let Some(connected) = self.connected.take() {
            let _ = connected.send(Err(failure));
        }
        // The client's calls end with it.
        self.driver = None;
        let (web, link) = (self.web.take(), self.link.take());
        let farewell = Box::pin(steps::part(web, link));
        let _ = rtc_core::timeout(&self.settings.config.clock, GOODBYE, farewell).await;
        for told in self.leaving.into_iter().flat_map(|leaving| leaving.told) {
            let _ = told.send(in_time);
        }
    }
}

/// Polls a future that may be there, and forgets it when it is done.
fn poll_slot<T>(slot: &mut Option<BoxFuture<'static, T>>, cx: &mut Context<'_>) -> Poll<T> {
    let Some(future) = slot else { return Poll::Pending };
    let done = future.as_mut().poll(cx);
    if done.is_ready() {
        *slot = None;
    }
    done
}
