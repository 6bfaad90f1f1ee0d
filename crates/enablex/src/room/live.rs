//! The connection to a room.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtc_core::transport::channel::{Connect, ConnectError};
use rtc_core::transport::socketio::{self, Events, Socket, SocketError, SocketOptions};
use rtc_core::{
    ClientConfig, Clock, DecodeError, EndpointPolicy, Reason, Secret, TransportError, TransportErrorKind,
    Trust, Url, is_host_within, timeout,
};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::Command;
use super::ack::{self, Ack, Joined};
use super::event::{Disconnected, RoomEvent};
use super::example::example;
use super::state::{Phase, RoomState};
use crate::error::{EnableXError, Error, Result};
use crate::model;
use crate::operation::{
    DecodeToken, HardMuteRoom, HardUnmuteRoom, LockRoom, StartRecord, StopRecord, UnlockRoom,
};
use crate::token::{TokenContent, decode_token};

pub use rtc_core::transport::socketio::Protocol;

/// How the operation of entering is called in errors.
const CONNECT: &str = "connect_room";

/// How long entering a room and each answer of it may take unless told otherwise.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long connecting to a room may take unless told otherwise.
pub(crate) const CONNECT_TIME: Duration = Duration::from_secs(8);
/// The longest queue of events: its memory is taken at once.
const LONGEST_QUEUE: usize = 65_536;

/// How to connect to a room.
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a room is connected with them"]
pub struct RoomOptions {
    config: ClientConfig,
    protocol: Protocol,
    event_queue: usize,
    trusted_hosts: Vec<String>,
}

impl Default for RoomOptions {
    fn default() -> Self {
        let mut config = ClientConfig::new(ANSWER_TIME);
        config.limits = config.limits.with_connect(CONNECT_TIME);
        Self::from_config(config)
    }
}

impl RoomOptions {
    /// The newer protocol generation, 8 s to connect, 10 s for each answer, 256 events kept.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn from_config(config: ClientConfig) -> Self {
        Self { config, protocol: Protocol::Eio4, event_queue: 256, trusted_hosts: Vec::new() }
    }

    /// Speaks this protocol generation: `Eio3` as the vendor's libraries 2.x do, `Eio4` as 3.x.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The address of the Server API. Where it is private or loopback, the room's server may be so, too.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.config.endpoint = Some(url.into());
        self
    }

    /// Whether the room's server may be on a private or loopback address whatever the endpoint is. The address
    /// comes from the token: allow it only for tokens of a server that you trust.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.config.policy = self.config.policy.with_private_discovery(allow);
        self
    }

    /// Shows the client's extra headers and its certificate to room servers within this domain, too. A token says
    /// where a room is, so without this they are shown on the host of the endpoint only (over TLS, if the endpoint
    /// is).
    pub fn trusted_host(mut self, domain: impl Into<String>) -> Self {
        self.trusted_hosts.push(domain.into());
        self
    }

    /// Sets which addresses may be talked to.
    pub fn endpoint_policy(mut self, policy: EndpointPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Limits the time of entering, and that of each command until it is acknowledged (default 10 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.config.timeout = limit;
        self
    }

    /// Limits the time to connect (default 8 s).
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.with_connect(limit);
        self
    }

    /// Keeps this many events that were not read yet; then the oldest ones are dropped (default 256, at least 1, at most
    /// 65,536; a number outside counts as the nearest one inside).
    pub fn event_queue(mut self, events: usize) -> Self {
        self.event_queue = events.clamp(1, LONGEST_QUEUE);
        self
    }

    /// Trusts a certificate besides those of the platform, as PEM.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.config.root_certificates.push(pem.into());
        self
    }

    /// Uses this proxy. Empty: none, whatever the environment says.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.config.proxy = Some(url.into());
        self
    }

    /// Uses this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.config.set_clock(clock);
        self
    }

    /// Takes what identifies the client out of the settings unless the server at `url` may see it.
    fn keep_to_trusted(&mut self, url: &Url) {
        let endpoint = self.config.endpoint.as_deref().and_then(|text| Url::parse(text.trim()).ok());
        let is_endpoint = endpoint.is_some_and(|own| {
            own.host_str() == url.host_str() && (own.scheme() != "https" || url.scheme() == "wss")
        });
        let host = url.host_str().unwrap_or_default();
        if !is_endpoint && !self.trusted_hosts.iter().any(|domain| is_host_within(host, domain)) {
            self.config.headers.clear();
            self.config.client_identity = None;
        }
    }

    /// Opens connections with this connector, which then answers for their addresses.
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.config.set_connector(connector);
        self
    }
}

/// A live room. Cheap to clone; dropping the last clone leaves the room.
///
/// Commands answer when the room has acknowledged them, and [`Room::state`] shows their effect from then on. What
/// others do it shows when the room has told.
#[derive(Clone)]
pub struct Room {
    inner: Arc<Inner>,
}

struct Inner {
    socket: Socket,
    state: Arc<Mutex<RoomState>>,
    joined: Joined,
    limit: Duration,
    reader: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The task owns the other half of the connection, which would keep it open.
        self.reader.abort();
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
        let RoomOptions { config, protocol, event_queue, .. } = options;
        let limit = config.timeout;
        let mut how = SocketOptions::new(protocol);
        how.path = if protocol == Protocol::Eio3 { "/socket.io/" } else { "/v3/socket.io/" }.into();
        how.query = query;
        how.connect_timeout = config.limits.connect;
        let limits = config.limits.with_trust(Trust::Discovered);
        let connector = config.connector()?;
        let connected = socketio::connect(&connector, &base, how, config.clock.clone(), limits).await;
        let (socket, events) = connected.map_err(|error| failed(CONNECT, error, config.limits.connect))?;
        let (sender, receiver) = broadcast::channel(event_queue);
        let hello = hello(&content, protocol);
        let mut reader = Reader { events, state: Arc::default(), sender };
        let entering = reader.enter(&socket, hello, limit);
        let joined = timeout(&config.clock, limit, entering).await.unwrap_or_else(|| Err(late(limit)))?;
        let state = Arc::clone(&reader.state);
        let reader = tokio::spawn(reader.run(socket.clone())).abort_handle();
        let inner = Inner { socket, state, joined, limit, reader };
        Ok((Self { inner: Arc::new(inner) }, RoomEvents { receiver, missed: 0 }))
    }

    /// What is known of the room now.
    #[must_use]
    pub fn state(&self) -> RoomState {
        lock(&self.inner.state).clone()
    }

    /// What the room answered to the token.
    #[must_use]
    pub fn joined(&self) -> &Joined {
        &self.inner.joined
    }

    /// Sends a command and waits until the room acknowledges it.
    ///
    /// # Errors
    /// Validation. Refused here: there is no connection, you are no moderator, the room is in that state already,
    /// recording is not subscribed; nothing is sent then. The room refuses it, does not answer in time, or the
    /// connection breaks.
    pub async fn command<C: Command>(&self, command: C) -> Result<Ack> {
        command.validate()?;
        lock(&self.inner.state).guard(C::NAME).map_err(Error::refused)?;
        let limit = self.inner.limit;
        let args = command.args().map_err(|error| Error::new(Reason::Encode(error)))?;
        let answer = self.inner.socket.emit_with_ack(C::EVENT, &args, limit).await;
        let ack = Ack::read(C::NAME, &answer.map_err(|error| failed(C::NAME, error, limit))?)?;
        lock(&self.inner.state).acknowledge(C::NAME);
        Ok(ack)
    }

    /// Locks the room: nobody can enter any more.
    ///
    /// # Errors
    /// See [`Room::command`]; code 4121 when it is locked already.
    ///
    #[doc = example!(r#"room.lock_room().await?;
while let Some(event) = events.recv().await {
    if let RoomEvent::RoomLocked(_) = event {
        break;
    }
}
assert_eq!(room.state().locked, Some(true));"#)]
    pub async fn lock_room(&self) -> Result<Ack> {
        self.command(LockRoom::new()).await
    }

    /// Unlocks the room.
    ///
    /// # Errors
    /// See [`Room::command`]; code 4121 when it is not locked.
    ///
    #[doc = example!(r#"room.lock_room().await?;
while let Some(event) = events.recv().await {
    if let RoomEvent::RoomLocked(_) = event {
        break;
    }
}
assert!(room.unlock_room().await.is_ok());"#)]
    pub async fn unlock_room(&self) -> Result<Ack> {
        self.command(UnlockRoom::new()).await
    }

    /// Mutes all participants; they cannot unmute themselves.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_room().await?;
assert_eq!(room.state().muted, Some(true));"#)]
    pub async fn hard_mute_room(&self) -> Result<Ack> {
        self.command(HardMuteRoom::new()).await
    }

    /// Lets the participants unmute themselves again.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_room().await?;
room.hard_unmute_room().await?;
assert_eq!(room.state().muted, Some(false));"#)]
    pub async fn hard_unmute_room(&self) -> Result<Ack> {
        self.command(HardUnmuteRoom::new()).await
    }

    /// Starts the recording of the session.
    ///
    /// # Errors
    /// See [`Room::command`]; code 1170 when the subscription does not cover it.
    ///
    #[doc = example!(r#"assert_eq!(room.start_record().await?.result, 0);"#)]
    pub async fn start_record(&self) -> Result<Ack> {
        self.command(StartRecord::new()).await
    }

    /// Stops the recording of the session.
    ///
    /// # Errors
    /// See [`Room::command`]; code 1170 when the subscription does not cover it.
    ///
    #[doc = example!(r#"room.start_record().await?;
assert_eq!(room.stop_record().await?.result, 0);"#)]
    pub async fn stop_record(&self) -> Result<Ack> {
        self.command(StopRecord::new()).await
    }

    /// Closes the connection. The room counts you as gone; all clones are of no use after that.
    pub async fn close(&self) {
        lock(&self.inner.state).phase = Phase::Closed;
        self.inner.socket.close().await;
    }
}

/// The events of a room, in order, those of entering included.
#[derive(Debug)]
pub struct RoomEvents {
    receiver: broadcast::Receiver<RoomEvent>,
    missed: u64,
}

impl RoomEvents {
    /// The next event; `None` after the last one of a room that is over or left. Cancel-safe.
    pub async fn recv(&mut self) -> Option<RoomEvent> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => self.missed += missed,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were dropped because they were not read in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// Reads the connection: first until the room is entered, then to its end.
struct Reader {
    events: Events,
    state: Arc<Mutex<RoomState>>,
    sender: broadcast::Sender<RoomEvent>,
}

impl Reader {
    /// Hands in the token and waits until the room lets us in or makes us wait.
    async fn enter(&mut self, socket: &Socket, hello: Value, limit: Duration) -> Result<Joined> {
        let answer = socket.emit_with_ack("token", &[hello], limit).await;
        let joined = Joined::read(&answer.map_err(|error| failed(CONNECT, error, limit))?)?;
        lock(&self.state).client_id.clone_from(&joined.client_id);
        loop {
            let event = self.next().await.ok_or_else(|| closed().with_exchange(1, true))?;
            match (lock(&self.state).phase, event) {
                (Phase::Connecting, _) => {}
                (Phase::Awaited | Phase::Connected, _) => return Ok(joined),
                (Phase::Closed, RoomEvent::RoomDisconnected(Disconnected { reason })) => {
                    let message = reason.unwrap_or_else(|| "the room closed the connection".into());
                    let error = EnableXError::Room { operation: CONNECT, code: None, message };
                    return Err(Error::new(Reason::Service(error)).with_exchange(1, true));
                }
                (Phase::Closed, _) => return Err(closed().with_exchange(1, true)),
            }
        }
    }

    async fn run(mut self, socket: Socket) {
        while !self.is_over() && self.next().await.is_some() {}
        if !self.is_over() {
            let reason = self.events.close_reason();
            self.publish(RoomEvent::RoomDisconnected(Disconnected { reason }));
        }
        // Ends the events, whether or not the server closes the connection of a room that is over.
        drop(self);
        socket.close().await;
    }

    fn is_over(&self) -> bool {
        lock(&self.state).phase == Phase::Closed
    }

    async fn next(&mut self) -> Option<RoomEvent> {
        let event = self.events.recv().await?;
        Some(self.publish(RoomEvent::read(&event.name, &event.args)))
    }

    fn publish(&self, event: RoomEvent) -> RoomEvent {
        lock(&self.state).apply(&event);
        // Nobody may be listening: the state is kept all the same.
        let _ = self.sender.send(event.clone());
        event
    }
}

/// What a client says first: its token and what it is.
fn hello(content: &TokenContent, protocol: Protocol) -> Value {
    let mut members: Map<String, Value> = content.members.clone();
    // The service picks its dialect by the version of its own library, so we name the one whose dialect we speak.
    let version = if protocol == Protocol::Eio3 { "2.3.0" } else { "3.1.8" };
    let mut about = json!({
        "hostType": "rtc-enablex",
        "hostVersion": env!("CARGO_PKG_VERSION"),
        "hostDeviceType": "desktop",
        "userAgent": crate::client::AGENT,
        "version": version,
    });
    if protocol == Protocol::Eio4
        && let Some(about) = about.as_object_mut()
    {
        about.insert("singlePC".into(), "subs".into());
        about.insert("dataChannel".into(), true.into());
    }
    if let Value::Object(about) = about {
        members.extend(about);
    }
    Value::Object(members)
}

fn closed() -> Error {
    Error::new(Reason::Closed)
}

fn late(limit: Duration) -> Error {
    Error::new(Reason::Timeout(limit)).with_exchange(1, true)
}

fn failed(operation: &'static str, error: SocketError, limit: Duration) -> Error {
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

fn lock(state: &Mutex<RoomState>) -> MutexGuard<'_, RoomState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
