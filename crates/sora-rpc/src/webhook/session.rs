//! The session webhook: a session is the time from the first connection to a channel to its last.

use std::fmt;
use std::time::SystemTime;

use rtc_core::validate::{Checks, Violations};
use serde_json::{Map, Value};

use super::reply::{self, Shape, setters};
use super::{Members, Origin, RecordingData, object};
use crate::error::{Error, Result};
use crate::operation::Role;

/// What a session webhook tells. Members that are missing, or not of their type, are none. `Debug` shows neither
/// `session_metadata` nor `raw`.
///
/// ```
/// use sora_rpc::webhook::{SessionEvent, SessionReply, SessionWebhook};
///
/// let body = br#"{ "id": "1", "type": "session.created", "channel_id": "sora", "session_id": "s" }"#;
/// let webhook = SessionWebhook::parse(body)?;
/// let reply = match webhook.event {
///     SessionEvent::Created => SessionReply::new().recording(true).recording_expire_time(3600).to_json()?,
///     _ => "{}".to_owned(),
/// };
/// assert_eq!(reply, r#"{"recording":true,"recording_expire_time":3600}"#);
/// # Ok::<(), sora_rpc::Error>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct SessionWebhook {
    /// Which server tells, and when.
    pub origin: Origin,
    /// The id of the webhook: one that comes twice has the same.
    pub id: Option<String>,
    /// What happened.
    pub event: SessionEvent,
    /// The channel; none of `session.vanished`, which is about all of them.
    pub channel_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// Whether only those who speak are received in full.
    pub spotlight: Option<bool>,
    /// When the session began.
    pub created_at: Option<SystemTime>,
    /// When it ended.
    pub destroyed_at: Option<SystemTime>,
    /// The most connections that it had at a time.
    pub max_connections: Option<u64>,
    /// All connections that it ever had.
    pub total_connections: Option<u64>,
    /// Those that it had, told with its end.
    pub connections: Vec<SessionConnection>,
    /// What the [reply](SessionReply::session_metadata) to `session.created` gave for it.
    pub session_metadata: Option<Value>,
    /// The body as it came.
    pub raw: Map<String, Value>,
}

/// The kinds of session webhooks.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// `session.created`: the first connection stands. May be answered with a [`SessionReply`].
    Created,
    /// `session.updated`: the session goes on. Its members are taken to be those of the others.
    Updated,
    /// `session.destroyed`: the last connection has been gone for a while.
    Destroyed,
    /// `session.vanished`: all sessions of the server are gone, for it was ended.
    Vanished,
    /// `recording.started`. Newer servers are said to tell of recordings here instead of with event webhooks; their
    /// members here are taken to be the same.
    RecordingStarted(RecordingData),
    /// `recording.report`.
    RecordingReport(RecordingData),
    /// `audio-streaming.started`: speech recognition has begun.
    AudioStreamingStarted,
    /// `audio-streaming.stopped`: speech recognition has ended.
    AudioStreamingStopped,
    /// A kind that this version does not know, its content in `raw`; empty where the webhook has none.
    Unknown(String),
}

impl SessionEvent {
    fn read(members: Members<'_>) -> Self {
        let nothing = Map::new();
        let data = members.inner("data").unwrap_or(Members(&nothing));
        match members.str("type").unwrap_or_default() {
            "session.created" => Self::Created,
            "session.updated" => Self::Updated,
            "session.destroyed" => Self::Destroyed,
            "session.vanished" => Self::Vanished,
            "recording.started" => Self::RecordingStarted(RecordingData::read(data)),
            "recording.report" => Self::RecordingReport(RecordingData::read(data)),
            "audio-streaming.started" => Self::AudioStreamingStarted,
            "audio-streaming.stopped" => Self::AudioStreamingStopped,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Created => "session.created",
            Self::Updated => "session.updated",
            Self::Destroyed => "session.destroyed",
            Self::Vanished => "session.vanished",
            Self::RecordingStarted(_) => "recording.started",
            Self::RecordingReport(_) => "recording.report",
            Self::AudioStreamingStarted => "audio-streaming.started",
            Self::AudioStreamingStopped => "audio-streaming.stopped",
            Self::Unknown(kind) => kind,
        }
    }
}

impl SessionWebhook {
    /// Reads the body of a session webhook.
    ///
    /// # Errors
    /// Kind [`Protocol`](crate::ErrorKind::Protocol): it is no JSON object. A kind that is not known is no error.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let raw = object(body)?;
        let members = Members(&raw);
        Ok(Self {
            origin: members.origin(),
            id: members.text("id"),
            event: SessionEvent::read(members),
            channel_id: members.text("channel_id"),
            session_id: members.text("session_id"),
            spotlight: members.flag("spotlight"),
            created_at: members.instant("created_timestamp", "created_time"),
            destroyed_at: members.instant("destroyed_timestamp", "destroyed_time"),
            max_connections: members.count("max_connections"),
            total_connections: members.count("total_connections"),
            connections: members.list("connections").map(SessionConnection::read).collect(),
            session_metadata: members.value("session_metadata"),
            raw,
        })
    }
}

impl fmt::Debug for SessionWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionWebhook")
            .field("origin", &self.origin)
            .field("id", &self.id)
            .field("event", &self.event)
            .field("channel_id", &self.channel_id)
            .field("session_id", &self.session_id)
            .field("created_at", &self.created_at)
            .field("destroyed_at", &self.destroyed_at)
            .field("max_connections", &self.max_connections)
            .field("total_connections", &self.total_connections)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// A connection that a session had. `Debug` does not show its metadata.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionConnection {
    /// What it did with media.
    pub role: Option<Role>,
    /// The client.
    pub client_id: Option<String>,
    /// The bundle.
    pub bundle_id: Option<String>,
    /// The connection.
    pub connection_id: Option<String>,
    /// When it came to stand.
    pub created_at: Option<SystemTime>,
    /// When it ended.
    pub destroyed_at: Option<SystemTime>,
    /// What the [reply to the auth webhook](super::AuthReply::event_metadata) gave for it.
    pub event_metadata: Option<Value>,
}

impl SessionConnection {
    fn read(members: Members<'_>) -> Self {
        Self {
            role: members.str("role").map(Role::from),
            client_id: members.text("client_id"),
            bundle_id: members.text("bundle_id"),
            connection_id: members.text("connection_id"),
            created_at: members.instant("connection_created_timestamp", "created_time"),
            destroyed_at: members.instant("connection_destroyed_timestamp", "destroyed_time"),
            event_metadata: members.value("event_metadata"),
        }
    }
}

impl fmt::Debug for SessionConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConnection")
            .field("role", &self.role)
            .field("client_id", &self.client_id)
            .field("bundle_id", &self.bundle_id)
            .field("connection_id", &self.connection_id)
            .field("created_at", &self.created_at)
            .field("destroyed_at", &self.destroyed_at)
            .finish_non_exhaustive()
    }
}

/// The answer to a session webhook of kind `session.created`: what the session begins with. Members that this version
/// has no method for are set with [`member`](Self::member). `Debug` shows the names of the members only.
#[derive(Clone, Default, PartialEq)]
pub struct SessionReply {
    members: Map<String, Value>,
}

const MEMBERS: &[(&str, Shape)] = &[
    ("audio_streaming", Shape::Flag),
    ("audio_streaming_auto", Shape::Flag),
    ("recording", Shape::Flag),
    ("recording_expire_time", Shape::Number(1, u64::MAX)),
    ("recording_split_duration", Shape::Number(1, u64::MAX)),
    ("recording_split_only", Shape::Flag),
    ("spotlight_number", Shape::Number(1, 8)),
];

impl SessionReply {
    /// With nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets what later webhooks of the session repeat. Any JSON.
        session_metadata: impl Into<Value> => |value| value.into();
        /// Whether speech is recognised.
        audio_streaming: bool => |value| value;
        /// Whether that begins by itself with each connection.
        audio_streaming_auto: bool => |value| value;
        /// Whether the session is recorded.
        recording: bool => |value| value;
        /// Sets after how many seconds the recording ends. Bounds: at least 1.
        recording_expire_time: u64 => |value| value;
        /// Sets how many seconds a part of the recording has. Bounds: at least 1.
        recording_split_duration: u64 => |value| value;
        /// Whether there are parts only, and no whole files.
        recording_split_only: bool => |value| value;
        /// Sets what webhooks of the recording repeat. Any JSON.
        recording_metadata: impl Into<Value> => |value| value.into();
        /// Sets how many are in the focus. Bounds: 1 to 8.
        spotlight_number: u32 => |value| value;
    }

    /// Sets any member. Those that have a method are checked as if it had set them.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Checks the reply.
    ///
    /// # Errors
    /// All values outside their bounds.
    pub fn validate(&self) -> std::result::Result<(), Violations> {
        let mut checks = Checks::new();
        reply::check(&self.members, MEMBERS, &mut checks);
        checks.finish()
    }

    /// The body of the response, for status 200.
    ///
    /// # Errors
    /// Kind [`InvalidInput`](crate::ErrorKind::InvalidInput): the reply [breaks rules](Self::validate).
    pub fn to_json(&self) -> Result<String> {
        self.validate().map_err(Error::from)?;
        Ok(serde_json::to_string(&self.members).unwrap_or_default())
    }
}

impl fmt::Debug for SessionReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionReply").field("members", &self.members.keys().collect::<Vec<_>>()).finish()
    }
}
