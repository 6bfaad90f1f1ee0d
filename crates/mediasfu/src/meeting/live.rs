//! The connection to a meeting.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use rtc_core::transport::LiveEvents;
use rtc_core::transport::channel::{ConnectError, SharedConnect};
use rtc_core::transport::socketio::{self, Events, Protocol, Socket, SocketError, SocketOptions};
use rtc_core::{
    Clock as _, DecodeError, ErrorKind, Reason, Rule, Secret, Sent, TransportError, TransportErrorKind,
    Trust, Url, Violation, Violations, timeout,
};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::Command;
use super::ack::{Answer, refused};
use super::commands::example;
use super::event::{Disconnected, HELLO, MeetingEvent};
use super::hello::{ConnectionSuccess, Joined};
use super::options::MeetingOptions;
use crate::error::{Error, MediaSfuError, Result};
use crate::limiter::InFlight;
use crate::model;
use crate::operation::{ConnectMeeting, Level, UpdateCoHost};

/// How the operation of connecting is called in errors.
const CONNECT: &str = "connect_meeting";
/// Where servers have their meetings.
const NAMESPACE: &str = "/media";

/// A connection to a meeting, to control it. Cheap to clone; dropping the last clone closes the connection.
///
/// The service acknowledges the commands of recording and of events, and tells everybody of a new co-host. The other
/// commands are done when they are handed over: it acknowledges none of them, and ignores those that it does not allow. What has become of them, the events tell:
/// a new list of members, new settings, your own message.
#[derive(Clone)]
pub struct Meeting {
    inner: Arc<Inner>,
}

struct Inner {
    socket: Socket,
    hello: ConnectionSuccess,
    joined: Option<Joined>,
    /// The room that commands are about.
    room: Mutex<Option<String>>,
    /// The token that let in.
    secret: Option<Secret>,
    /// Where who waits for an event begins. Weak: the events end with the reader.
    events: broadcast::WeakSender<MeetingEvent>,
    limit: Duration,
    reader: AbortHandle,
}

impl Inner {
    fn room_name(&self) -> Option<String> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes part in the meeting.
    async fn join(&self, member: &str, level: &Level, limit: Duration) -> Result<Joined> {
        let room = self.room_name();
        let content = json!({
            "roomName": room,
            "islevel": level,
            "member": member,
            "sec": self.secret.as_ref().map(Secret::expose),
            "apiUserName": room,
        });
        let ack = self.socket.emit_with_ack("joinRoom", &[content], limit).await;
        Joined::read(CONNECT, &ack.map_err(|error| failed(CONNECT, error, self.limit))?)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The task owns the other half of the connection, which would keep it open.
        self.reader.abort();
    }
}

impl fmt::Debug for Meeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meeting")
            .field("room", &self.room_name())
            .field("connected", &self.inner.socket.is_connected())
            .finish_non_exhaustive()
    }
}

impl Meeting {
    /// Connects to a meeting, and with a member name joins it. Must run inside a tokio runtime.
    ///
    /// With a limiter, what comes before joining counts: a server that refuses the connection, does not answer in
    /// time, or is not reached (the official SDKs count all of these). A connection that stands makes good for the
    /// failures before, even if the meeting does not let the member in.
    ///
    /// # Errors
    /// Validation: the input, or a link that is no origin. Endpoint: the policy refuses the link. Nothing is sent
    /// then, nor when there were too many failures ([`MediaSfuError::TooManyAttempts`]). The server refuses the
    /// connection or the member ([`MediaSfuError::Meeting`]), is not reached, or does not answer in time.
    pub async fn connect(
        request: ConnectMeeting,
        mut options: MeetingOptions,
    ) -> Result<(Self, MeetingEvents)> {
        request.validate()?;
        let (base, trust) = options.judge(&request.link)?;
        let how = handshake(&request, &options)?;
        let limit = options.config.timeout;
        let connector = options.config.connector()?;
        let attempt = Attempt::begin(&options, &request)?;
        let clock = &options.config.clock;
        let begun = clock.monotonic();
        let opening = open(&connector, &base, trust, how, &options);
        let opened = timeout(clock, limit, opening).await.unwrap_or_else(|| Err(late(limit)));
        attempt.end(opened.as_ref().err());
        let (socket, reader, receiver, hello) = opened?;
        let events = reader.sender.downgrade();
        let reader = tokio::spawn(reader.run(socket.clone())).abort_handle();
        let (room, secret) = (Mutex::new(request.room_name), request.secret);
        let mut inner = Inner { socket, hello, joined: None, room, secret, events, limit, reader };
        if let Some(member) = &request.member {
            // The limit is that of entering as a whole.
            let left = limit.saturating_sub(clock.monotonic().saturating_duration_since(begun));
            inner.joined = Some(inner.join(member, &request.islevel, left).await?);
        }
        Ok((Self { inner: Arc::new(inner) }, MeetingEvents::of(receiver)))
    }

    /// Takes part in the meeting under a name. As [`Meeting::connect`] does with a member, but the connection stays when
    /// the meeting does not let in: whoever waits until a host admits tries again after
    /// [`MeetingEvent::WaitRoomAnswer`].
    ///
    /// # Errors
    /// Validation: the name is not 2 to 10 letters and digits, or the connection is not to a room. The meeting does not
    /// let the member in ([`MediaSfuError::Meeting`]), does not answer in time, or the connection has ended.
    ///
    #[doc = example!(r#"let guest = client.join_room(JoinRoom::new(&room.room_name, "guest1")).await?;
let (guest, _events) = client.connect_meeting(ConnectMeeting::to(&guest)).await?;
let joined = guest.join("guest1", Level::Participant).await?;
assert_ne!(joined.is_host, Some(true));"#)]
    pub async fn join(&self, member: impl Into<String>, level: Level) -> Result<Joined> {
        let mut request = ConnectMeeting::new("https://checked.invalid").member(member).islevel(level);
        request.room_name = self.room_name();
        request.secret.clone_from(&self.inner.secret);
        request.validate()?;
        let member = request.member.as_deref().unwrap_or_default();
        self.inner.join(member, &request.islevel, self.inner.limit).await
    }

    /// What the server greeted the connection with.
    #[must_use]
    pub fn hello(&self) -> &ConnectionSuccess {
        &self.inner.hello
    }

    /// What the server answered to the member that joined; `None` without a member.
    #[must_use]
    pub fn joined(&self) -> Option<&Joined> {
        self.inner.joined.as_ref()
    }

    /// The room that commands are about unless they name one: the one that was connected to, or the event that was
    /// created or joined last.
    #[must_use]
    pub fn room_name(&self) -> Option<String> {
        self.inner.room_name()
    }

    /// Sends a command, and waits for the acknowledgement if it is one that is acknowledged.
    ///
    /// # Errors
    /// Validation, also when no room is known (`room_name`): nothing is sent then. The service refuses it
    /// ([`MediaSfuError::Meeting`]), does not answer in time, or the connection has ended.
    pub async fn command<C: Command>(&self, command: C) -> Result<C::Output> {
        command.validate()?;
        let (args, secrets) = Sent::during(|| command.args());
        let mut args = args.map_err(|error| Error::new(Reason::Encode(error)))?;
        let event_id = self.address(args.first_mut())?;
        if C::NAME == UpdateCoHost::NAME {
            self.told(&args).await?;
            return C::Output::read(C::NAME, &[]);
        }
        if !C::Output::AWAITED {
            let sent = self.inner.socket.emit(C::EVENT, &args).await;
            sent.map_err(|error| failed(C::NAME, error, self.inner.limit))?;
            return C::Output::read(C::NAME, &[]);
        }
        let mut ack = self.ask(C::NAME, C::EVENT, &args).await?;
        // A refusal may repeat a code that was sent in secret.
        if let Some(Value::String(reason)) = ack.first_mut().and_then(|content| content.get_mut("reason")) {
            *reason = secrets.hide(reason);
        }
        let answer = C::Output::read(C::NAME, &ack)?;
        if answer.enters() && event_id.is_some() {
            *self.inner.room.lock().unwrap_or_else(PoisonError::into_inner) = event_id;
        }
        Ok(answer)
    }

    /// Hands over an event of your own, with one argument: for what this crate has no method for.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    #[doc = example!(r#"use serde_json::json;

meeting.emit("meetingStillThere", &json!({ "roomName": room.room_name })).await?;"#)]
    pub async fn emit(&self, event: &str, content: &Value) -> Result<()> {
        let sent = self.inner.socket.emit(event, std::slice::from_ref(content)).await;
        sent.map_err(|error| failed("emit", error, self.inner.limit))
    }

    /// Sends an event of your own, with one argument, and waits for the acknowledgement, which is given as it came
    /// (null for none). What it means, a refusal perhaps, is for you to read.
    ///
    /// # Errors
    /// The service does not acknowledge it in time, or the connection has ended.
    ///
    #[doc = example!(r#"use serde_json::json;

let answer = meeting.emit_with_ack("getMessage", &json!({ "roomName": room.room_name })).await?;
assert!(answer["messages_"].is_array());"#)]
    pub async fn emit_with_ack(&self, event: &str, content: &Value) -> Result<Value> {
        let ack = self.ask("emit_with_ack", event, std::slice::from_ref(content)).await?;
        Ok(ack.into_iter().next().unwrap_or_default())
    }

    /// Closes the connection. The service counts you as gone; all clones are of no use after that.
    pub async fn close(&self) {
        self.inner.socket.close().await;
    }

    async fn ask(&self, operation: &'static str, event: &str, args: &[Value]) -> Result<Vec<Value>> {
        let limit = self.inner.limit;
        let answer = self.inner.socket.emit_with_ack(event, args, limit).await;
        answer.map_err(|error| failed(operation, error, limit))
    }

    /// Of a co-host everybody is told, the one who asked included, but not every server acknowledges it: it is done with
    /// whichever comes first. A refusal comes as an acknowledgement only.
    async fn told(&self, args: &[Value]) -> Result<()> {
        let receiver = self.inner.events.upgrade().map(|sender| sender.subscribe());
        let mut events = receiver.map(MeetingEvents::of);
        let wanted = args.first().and_then(|content| content.get("coHost")?.as_str());
        let mut heard = pin!(async {
            while let Some(event) = next(&mut events).await {
                if matches!(&event, MeetingEvent::CoHostUpdated(told) if told.co_host.as_deref() == wanted) {
                    return;
                }
            }
            // The end of the connection ends the other wait.
            std::future::pending().await
        });
        let mut asked = pin!(self.ask(UpdateCoHost::NAME, UpdateCoHost::EVENT, args));
        let ack = std::future::poll_fn(|context| match asked.as_mut().poll(context) {
            Poll::Ready(ack) => Poll::Ready(ack),
            Poll::Pending => heard.as_mut().poll(context).map(|()| Ok(Vec::new())),
        });
        let ack = ack.await?;
        match ack.first().filter(|content| content.get("success") == Some(&Value::Bool(false))) {
            Some(content) => {
                let reason = content.get("reason").and_then(Value::as_str).map(str::to_owned);
                Err(refused(UpdateCoHost::NAME, reason))
            }
            None => Ok(()),
        }
    }

    /// Makes a command be about a room. One that names an event needs none, and gives the event's id: servers keep
    /// it in small letters.
    fn address(&self, content: Option<&mut Value>) -> std::result::Result<Option<String>, Violations> {
        let Some(Value::Object(members)) = content else { return Ok(None) };
        if let Some(id) = members.get("eventID").and_then(Value::as_str) {
            return Ok(Some(id.to_ascii_lowercase()));
        }
        if !members.contains_key("roomName") {
            let room = self.room_name().ok_or_else(|| {
                let message = "is required: this connection is not to a room (connect with one, or name it)";
                Violations::from(Violation::new("room_name", "roomName", Rule::Required, message))
            })?;
            members.insert("roomName".into(), room.into());
        }
        Ok(None)
    }
}

/// The events of a meeting, in order, those of connecting included.
pub type MeetingEvents = LiveEvents<MeetingEvent>;

/// Reads the connection: first until the greeting, then to its end.
struct Reader {
    events: Events,
    sender: broadcast::Sender<MeetingEvent>,
}

impl Reader {
    async fn greeting(&mut self) -> Result<ConnectionSuccess> {
        loop {
            let event = self.events.recv().await.ok_or_else(|| sent(Error::new(Reason::Closed)))?;
            match self.publish(MeetingEvent::read(&event.name, &event.args)) {
                MeetingEvent::Connected(hello) => return Ok(*hello),
                MeetingEvent::Unknown(_) if event.name == HELLO => {
                    let error = DecodeError::new("the greeting of the server is not of the known form");
                    return Err(sent(Error::new(Reason::Decode(error))));
                }
                _ => {}
            }
        }
    }

    async fn run(mut self, socket: Socket) {
        while let Some(event) = self.events.recv().await {
            self.publish(MeetingEvent::read(&event.name, &event.args));
        }
        let reason = self.events.close_reason();
        self.publish(MeetingEvent::Disconnected(Disconnected { reason }));
        // The events end before the handles of this connection may.
        drop(self);
        socket.close().await;
    }

    fn publish(&self, event: MeetingEvent) -> MeetingEvent {
        // Nobody may be listening.
        let _ = self.sender.send(event.clone());
        event
    }
}

/// The next event; none where the connection has ended already.
async fn next(events: &mut Option<MeetingEvents>) -> Option<MeetingEvent> {
    match events {
        Some(events) => events.next().await,
        None => None,
    }
}

/// The handshake of a request: the credentials are in its query.
fn handshake(request: &ConnectMeeting, options: &MeetingOptions) -> Result<SocketOptions> {
    let mut how = SocketOptions::new(Protocol::Eio4);
    how.namespace = NAMESPACE.into();
    how.connect_timeout = options.config.limits.connect;
    how.event_queue = options.event_queue;
    how.headers = options.headers()?;
    if let (Some(room), Some(secret)) = (&request.room_name, &request.secret) {
        how.query =
            vec![("apiUserName".into(), room.clone()), ("apiToken".into(), secret.expose().to_owned())];
    }
    Ok(how)
}

type Opened = (Socket, Reader, broadcast::Receiver<MeetingEvent>, ConnectionSuccess);

/// Connects, and waits until the server has greeted: only then it listens.
async fn open(
    connector: &SharedConnect,
    base: &Url,
    trust: Trust,
    how: SocketOptions,
    options: &MeetingOptions,
) -> Result<Opened> {
    let config = &options.config;
    let limits = config.limits.with_trust(trust);
    let connected = socketio::connect(connector, base, how, config.clock.clone(), limits).await;
    let (socket, events) = connected.map_err(|error| failed(CONNECT, error, config.limits.connect))?;
    let (sender, receiver) = broadcast::channel(options.event_queue);
    let mut reader = Reader { events, sender };
    let hello = reader.greeting().await?;
    Ok((socket, reader, receiver, hello))
}

/// A connection that counts if it fails; one that is given up half way does not.
struct Attempt(Option<InFlight>);

impl Attempt {
    fn begin(options: &MeetingOptions, request: &ConnectMeeting) -> Result<Self> {
        let Some(limiter) = &options.limiter else { return Ok(Self(None)) };
        // Without a room, the server stands for the account.
        let place = request.room_name.as_ref().unwrap_or(&request.link);
        let begun = limiter.begin(&format!("{} {place}", options.account));
        begun.map(|attempt| Self(Some(attempt))).ok_or_else(|| Error::refused(MediaSfuError::TooManyAttempts))
    }

    fn end(&self, error: Option<&Error>) {
        match (&self.0, error) {
            (Some(attempt), None) => attempt.succeeded(),
            // What the endpoint policy refuses has reached nobody.
            (Some(attempt), Some(error)) if error.kind() != ErrorKind::InvalidInput => attempt.failed(),
            _ => {}
        }
    }
}

fn sent(error: Error) -> Error {
    error.with_exchange(1, true)
}

fn late(limit: Duration) -> Error {
    sent(Error::new(Reason::Timeout(limit)))
}

fn failed(operation: &'static str, error: SocketError, limit: Duration) -> Error {
    match error {
        SocketError::Connect(ConnectError::Transport(error)) => error.into(),
        SocketError::Connect(ConnectError::Refused(response)) => match model::refusal(operation, &response) {
            Some(refusal) => sent(Error::new(Reason::Service(refusal))),
            None => TransportError::new(TransportErrorKind::Protocol).into(),
        },
        SocketError::Refused(reason) => {
            let words = reason.get("message").unwrap_or(&reason);
            refused(operation, words.as_str().map(str::to_owned))
        }
        SocketError::Timeout => late(limit),
        SocketError::Closed { .. } => sent(Error::new(Reason::Closed)),
        SocketError::Protocol(what) => sent(Error::new(Reason::Decode(DecodeError::new(what)))),
        other => Error::refused(MediaSfuError::Meeting { operation, reason: other.to_string() }),
    }
}
