//! What the events hold. Times are in milliseconds since 1970.

use std::fmt;

use rtc_core::wire::{As, Lenient};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::guarded;
use crate::operation::VideoType;

/// Why a connection, stream or session ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DestroyReason {
    /// The client left by itself. On the wire `clientDisconnected`.
    ClientDisconnected,
    /// The client was disconnected by a moderator, by `force_disconnect`, or because the service failed. On the
    /// wire `forceDisconnected`.
    ForceDisconnected,
    /// The network of the client broke. On the wire `networkDisconnected`.
    NetworkDisconnected,
    /// A moderator ended the stream. On the wire `forceUnpublished`.
    ForceUnpublished,
    /// The user ended the sharing of a screen. On the wire `mediaStopped`.
    MediaStopped,
    /// A value that this version does not know, kept as it came.
    Other(String),
}
rtc_core::string_enum!(DestroyReason {
    ClientDisconnected = "clientDisconnected",
    ForceDisconnected = "forceDisconnected",
    NetworkDisconnected = "networkDisconnected",
    ForceUnpublished = "forceUnpublished",
    MediaStopped = "mediaStopped",
});

/// What happened to a SIP call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SipCallChange {
    /// It was begun. On the wire `callCreated`.
    Created,
    /// It has a new state. On the wire `callUpdated`.
    Updated,
    /// It has ended. On the wire `callDestroyed`.
    Destroyed,
    /// It was asked to mute; only for calls that observe this. On the wire `muteForced`.
    MuteForced,
    /// A value that this version does not know, kept as it came.
    Other(String),
}
rtc_core::string_enum!(SipCallChange {
    Created = "callCreated",
    Updated = "callUpdated",
    Destroyed = "callDestroyed",
    MuteForced = "muteForced",
});

/// How far a SIP call is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SipCallState {
    /// The other side is being called. On the wire `DIALING`.
    Dialing,
    /// It rings there. On the wire `RINGING`.
    Ringing,
    /// It was answered and goes on. On the wire `ACTIVE`.
    Active,
    /// It is on hold. On the wire `ON_HOLD`.
    OnHold,
    /// It has ended. On the wire `HANGUP`.
    Hangup,
    /// A value that this version does not know, kept as it came.
    Other(String),
}
rtc_core::string_enum!(SipCallState {
    Dialing = "DIALING",
    Ringing = "RINGING",
    Active = "ACTIVE",
    OnHold = "ON_HOLD",
    Hangup = "HANGUP",
});

/// A client connected, or has gone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct ConnectionEvent {
    /// The session.
    pub session_id: String,
    /// The project, which is the API key.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub project_id: Option<String>,
    /// The application, in the unified environment.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub application_id: Option<String>,
    /// When it happened.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<u64>,
    /// Why it has gone.
    #[serde(default)]
    pub reason: Option<DestroyReason>,
    /// The connection.
    pub connection: EventConnection,
}

/// A connection, as events tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct EventConnection {
    /// Its id.
    #[serde(deserialize_with = "As::<Lenient>::deserialize")]
    pub id: String,
    /// When it was created.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub created_at: Option<u64>,
    /// The data of its token, which all clients of the session can read.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub data: Option<String>,
}

/// A stream began, or has ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct StreamEvent {
    /// The session.
    pub session_id: String,
    /// The project, which is the API key.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub project_id: Option<String>,
    /// The application, in the unified environment.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub application_id: Option<String>,
    /// When it happened.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<u64>,
    /// Why it has ended.
    #[serde(default)]
    pub reason: Option<DestroyReason>,
    /// The stream.
    pub stream: EventStream,
}

/// A stream, as events tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct EventStream {
    /// Its id.
    #[serde(deserialize_with = "As::<Lenient>::deserialize")]
    pub id: String,
    /// When it was created.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub created_at: Option<u64>,
    /// The name that its publisher gave it.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// What it shows; none for a stream without video.
    #[serde(default)]
    pub video_type: Option<VideoType>,
    /// The connection of the client that publishes it.
    #[serde(default)]
    pub connection: Option<EventConnection>,
}

/// A session came into use, or was closed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct SessionEvent {
    /// The session.
    pub session_id: String,
    /// The project, which is the API key.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub project_id: Option<String>,
    /// The application, in the unified environment.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub application_id: Option<String>,
    /// When it happened.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<u64>,
    /// Why it was closed.
    #[serde(default)]
    pub reason: Option<DestroyReason>,
}

/// Something happened to a SIP call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct SipCallEvent {
    /// What happened: the `event` of the body.
    #[serde(rename = "event")]
    pub change: SipCallChange,
    /// The session.
    pub session_id: String,
    /// The project, which is the API key.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub project_id: Option<String>,
    /// The application, in the unified environment.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub application_id: Option<String>,
    /// When it happened.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<u64>,
    /// How far the call is, when it was updated.
    #[serde(default)]
    pub state: Option<SipCallState>,
    /// Why the call ended: a SIP response code, or 700 (hung up), 703 (ended unexpectedly), 704 (no media),
    /// 705 (too long), 706 (silent for too long).
    #[serde(
        default,
        rename(deserialize = "reason_code"),
        deserialize_with = "As::<Option<Lenient>>::deserialize"
    )]
    pub reason_code: Option<String>,
    /// The same in words.
    #[serde(
        default,
        rename(deserialize = "reason_message"),
        deserialize_with = "As::<Option<Lenient>>::deserialize"
    )]
    pub reason_message: Option<String>,
    /// The call.
    pub call: SipCallInfo,
}

/// A SIP call, as events tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct SipCallInfo {
    /// Its id, as [`dial_sip`](crate::Client::dial_sip) told it.
    #[serde(deserialize_with = "As::<Lenient>::deserialize")]
    pub id: String,
    /// Its connection in the session.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub connection_id: Option<String>,
    /// When it was created.
    #[serde(default, deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub created_at: Option<u64>,
}

/// An event that this version does not know. `Debug` shows the names of its members only, as nobody knows which
/// of them are secret.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The name of the event; empty where there is none.
    pub event: String,
    /// The whole body with the service's names.
    pub body: Map<String, Value>,
}

impl UnknownEvent {
    pub(super) fn new(body: Map<String, Value>) -> Self {
        let event = body.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { event, body }
    }
}

impl fmt::Debug for UnknownEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.body.keys().collect();
        f.debug_struct("UnknownEvent").field("event", &self.event).field("members", &names).finish()
    }
}

impl Serialize for UnknownEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        guarded(&self.body, serializer)
    }
}
