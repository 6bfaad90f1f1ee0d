//! The connection to a room.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc_core::transport::LiveEvents;
use rtc_core::transport::channel::ConnectError;
use rtc_core::transport::socketio::{self, Socket, SocketError};
use rtc_core::{
    Clock as _, DecodeError, Reason, Secret, Sent, SharedClock, TransportError, TransportErrorKind, Trust,
};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::ack::{self, Answer, ExtendAck, Joined};
use super::event::RoomEvent;
use super::life::Life;
use super::options::RoomOptions;
use super::reader::{Door, Reader};
use super::state::{Phase, RoomState};
use super::{Command, guard, topic};
use crate::error::{EnableXError, Error, Result};
use crate::lifecycle::ExtensionState;
use crate::model;
use crate::operation::DecodeToken;
use crate::token::decode_token;

pub use rtc_core::transport::socketio::Protocol;

/// How the operation of entering is called in errors.
pub(super) const CONNECT: &str = "connect_room";
/// The command that has its windows.
const EXTEND: &str = "extend_conference_duration";

/// A live room. Cheap to clone; dropping the last clone leaves the room.
///
/// Commands answer when the room has acknowledged them, and [`Room::state`] shows their effect from then on. What
/// others do it shows when the room has told.
///
/// When the connection breaks, a room of the newer protocol generation tries to come back, and its events tell so: see
/// [`RoomOptions::reconnect`]. Until it is back, commands are refused with code 1163.
#[derive(Clone)]
pub struct Room {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
    joined: Joined,
    limit: Duration,
    protocol: Protocol,
    reader: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The task owns the other half of the connection, which would keep it open.
        self.reader.abort();
    }
}

/// What the room and the task that reads it share.
pub(super) struct Link {
    pub(super) clock: SharedClock,
    known: Mutex<Known>,
}

/// Everything that is known of the room, and the way to it.
#[derive(Default)]
pub(super) struct Known {
    pub(super) state: RoomState,
    pub(super) life: Option<Life>,
    pub(super) socket: Option<Socket>,
    /// Whether the connection ends because we wanted it to.
    pub(super) leaving: bool,
    /// Of what commands change: the position of the last event that told of it.
    told: BTreeMap<&'static str, u64>,
}

impl Link {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    /// Takes an event in, which came at this position of the connection.
    pub(super) fn apply(&self, event: &RoomEvent, position: u64) {
        let now = self.now();
        let mut known = self.lock();
        if matches!(event, RoomEvent::RoomConnected(_)) {
            // The first of a connection: what was counted before was another one's.
            known.told.clear();
        } else if let Some(topic) = topic::of_event(event) {
            known.told.insert(topic, position);
        }
        known.state.apply(event);
        Life::follow(&mut known.life, event, now);
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Room {
    /// Enters the room that the token is for, or begins to wait in front of it: see [`RoomState::phase`]. Must run
    /// inside a tokio runtime. The token works once.
    ///
    /// # Errors
    /// Validation: the token names no server, or one that the endpoint policy refuses. The room refuses the token
    /// (used, expired, room full), the connection fails, or the room does not answer in time.
    pub async fn connect(token: impl Into<Secret>, mut options: RoomOptions) -> Result<(Self, RoomEvents)> {
        let content = decode_token(DecodeToken::new(token))?;
        if options.config.endpoint.is_some() {
            let own = options.config.base::<EnableXError>("")?;
            options.config.policy = options.config.policy.for_base(&own);
        }
        let (server, query) = content.server();
        let base = options.config.policy.parse_websocket(&server, Trust::Discovered)?;
        options.keep_to_trusted(&base);
        let (limit, protocol) = (options.config.timeout, options.protocol);
        let (sender, receiver) = broadcast::channel(options.event_queue);
        let door = Door::new(content, base, query, &options)?;
        let link = Arc::new(Link::new(options.config.clock.clone()));
        let (reader, joined) = Reader::enter(door, Arc::clone(&link), sender).await?;
        let reader = tokio::spawn(reader.run()).abort_handle();
        let inner = Inner { link, joined, limit, protocol, reader };
        Ok((Self { inner: Arc::new(inner) }, RoomEvents::of(receiver)))
    }

    /// What is known of the room now.
    #[must_use]
    pub fn state(&self) -> RoomState {
        self.inner.link.lock().state.clone()
    }

    /// How long the session still lasts and whether it can be extended now, by what the room has told and this client's
    /// clock; `None` where the room has not told a duration.
    #[must_use]
    pub fn extension_state(&self) -> Option<ExtensionState> {
        let now = self.inner.link.now();
        self.inner.link.lock().life.as_ref().map(|life| life.state(now))
    }

    /// What the room answered to the token, when you first came in.
    #[must_use]
    pub fn joined(&self) -> &Joined {
        &self.inner.joined
    }

    /// Sends a command and waits until the room acknowledges it.
    ///
    /// # Errors
    /// Validation. Refused here: there is no connection (code 1163), you are no moderator, the room is in that state
    /// already, recording is not subscribed, the user is not there; nothing is sent then. The room refuses it, does not
    /// answer in time, or the connection breaks.
    pub async fn command<C: Command>(&self, command: C) -> Result<C::Output> {
        command.validate()?;
        let (args, secrets) = Sent::during(|| command.args());
        let args = args.map_err(|error| Error::new(Reason::Encode(error)))?;
        let (socket, args) = {
            let now = self.inner.link.now();
            let mut known = self.inner.link.lock();
            let args = guard::complete(C::NAME, self.inner.protocol, &known.state, args)?;
            known.state.guard(C::NAME, C::MODERATORS, &args).map_err(Error::refused)?;
            let not_connected = || Error::refused(EnableXError::room(C::NAME, crate::codes::NOT_CONNECTED));
            let socket = known.socket.clone().ok_or_else(not_connected)?;
            if C::NAME == EXTEND {
                known.open_window(now)?;
            }
            known.leaving |= matches!(C::NAME, "leave_room" | "destroy_room");
            (socket, args)
        };
        let limit = self.inner.limit;
        let claim = WindowClaim((C::NAME == EXTEND).then_some(&*self.inner.link));
        let answer = socket.ask(C::EVENT, &args, limit).await;
        let answer = answer.map_err(|error| failed(C::NAME, error, limit));
        let ack = answer.and_then(|socketio::Ack { args, position, .. }| {
            Ok((C::Output::read(C::NAME, &ack::without(args, &secrets))?, position))
        });
        let mut known = self.inner.link.lock();
        match ack {
            Ok((ack, position)) => {
                claim.keep();
                // An event that came after it has the last word, though it may be known before.
                let newer = topic::of_command(C::NAME).and_then(|topic| known.told.get(topic));
                if newer.is_none_or(|told| *told < position) {
                    known.state.acknowledge(C::NAME, &args);
                }
                ack.note(C::NAME, &mut known.state);
                if let Some(extended) = ack.extension() {
                    known.extended(extended)?;
                }
                Ok(ack)
            }
            Err(error) => {
                known.refused(C::NAME, &error);
                drop(known);
                drop(claim);
                Err(error)
            }
        }
    }

    /// Closes the connection. The room counts you as gone; all clones are of no use after that.
    pub async fn close(&self) {
        let socket = {
            let mut known = self.inner.link.lock();
            known.state.phase = Phase::Closed;
            known.socket.take()
        };
        if let Some(socket) = socket {
            socket.close().await;
        }
        // It may be on its way back to the room.
        self.inner.reader.abort();
    }
}

impl Known {
    /// Closes the window for an extension behind the one who asks for it.
    fn open_window(&mut self, now: Instant) -> Result<()> {
        let Some(life) = &mut self.life else { return Ok(()) };
        let state = life.state(now);
        if state.window.is_some() {
            life.trigger();
            return Ok(());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is never negative")]
        let minutes_left = state.time_left as u64;
        Err(Error::refused(EnableXError::OutsideWindow { operation: EXTEND, minutes_left }))
    }

    /// Notes by how much the session was extended, where the room tells.
    fn extended(&mut self, ack: &ExtendAck) -> Result<()> {
        let Some(minutes) = ack.extended_time else { return Ok(()) };
        // It was done, whatever is to be said about it.
        if let Some(life) = self.life.as_mut().filter(|_| minutes > 0.0) {
            life.granted(minutes);
        }
        if (10.0..=30.0).contains(&minutes) {
            return Ok(());
        }
        let message = "the session was extended by less than 10 or more than 30 minutes (extendedTime)";
        Err(Error::new(Reason::Decode(DecodeError::new(message))).with_exchange(1, true))
    }

    /// Undoes what a command that the room refused has closed.
    fn refused(&mut self, operation: &str, error: &Error) {
        if !matches!(error.reason(), Reason::Service(_)) {
            return;
        }
        if matches!(operation, "leave_room" | "destroy_room") {
            self.leaving = false;
        }
    }
}

/// Closes the window of an extension for as long as its outcome is awaited. What was refused, given up or not answered may
/// be asked for again: the room knows whether it was done.
struct WindowClaim<'a>(Option<&'a Link>);

impl WindowClaim<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for WindowClaim<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.lock().life.iter_mut().for_each(Life::reopen);
        }
    }
}

/// The events of a room, in order, those of entering included; `None` after the last one of a room that is over or left.
pub type RoomEvents = LiveEvents<RoomEvent>;

pub(super) fn closed() -> Error {
    Error::new(Reason::Closed)
}

pub(super) fn late(limit: Duration) -> Error {
    Error::new(Reason::Timeout(limit)).with_exchange(1, true)
}

pub(super) fn failed(operation: &'static str, error: SocketError, limit: Duration) -> Error {
    let sent = |error: Error| error.with_exchange(1, true);
    match error {
        SocketError::Connect(ConnectError::Transport(error)) => error.into(),
        SocketError::Connect(ConnectError::Refused(response)) => {
            match model::refusal(operation, &response, str::to_owned) {
                Some(refusal) => sent(Error::new(Reason::Service(refusal))),
                None => TransportError::new(TransportErrorKind::Protocol).into(),
            }
        }
        SocketError::Refused(reason) => sent(Error::new(Reason::Service(ack::refusal(operation, &reason)))),
        SocketError::Timeout => late(limit),
        SocketError::Closed { .. } => sent(closed()),
        SocketError::Protocol(what) => sent(Error::new(Reason::Decode(DecodeError::new(what)))),
        other => Error::refused(EnableXError::Room { operation, code: None, message: other.to_string() }),
    }
}
