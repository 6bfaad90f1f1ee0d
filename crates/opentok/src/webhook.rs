//! Webhooks: what the service posts to your server, read as typed events.

use rtc_core::Secret;
use rtc_core::encode::without_bom;
use serde::de::DeserializeOwned;
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, OpenTokError, Result, WebhookFault};
use crate::operation::{Archive, Broadcast, Captions, Render};

mod events;
mod verify;

pub use events::{
    ConnectionEvent, DestroyReason, EventConnection, EventStream, SessionEvent, SipCallChange, SipCallEvent,
    SipCallInfo, SipCallState, StreamEvent, UnknownEvent,
};
pub use verify::{PayloadHash, WebhookVerifier};

/// What a webhook tells.
///
/// Serialised it is one flat object with `event` first and snake_case names; secrets are hidden unless they are
/// [revealed](rtc_core::Revealed).
///
/// Delivery is neither guaranteed nor in order, and the service repeats what was not answered with a success:
/// an event may come twice. Source: OpenTok developer guides, session monitoring, archiving, SIP interconnect.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WebhookEvent {
    /// `connectionCreated`: a client connected to a session.
    ConnectionCreated(ConnectionEvent),
    /// `connectionDestroyed`: a client has gone.
    ConnectionDestroyed(ConnectionEvent),
    /// `streamCreated`: a client began to publish.
    StreamCreated(StreamEvent),
    /// `streamDestroyed`: a stream has ended.
    StreamDestroyed(StreamEvent),
    /// `sessionCreated`: the first client connected.
    SessionCreated(SessionEvent),
    /// `sessionDestroyed`: a session without clients was closed.
    SessionDestroyed(SessionEvent),
    /// An archive has a new status.
    Archive(Box<Archive>),
    /// A broadcast has a new status.
    Broadcast(Box<Broadcast>),
    /// `callCreated`, `callUpdated`, `callDestroyed`, `muteForced`: a SIP call began, changed or ended.
    SipCall(SipCallEvent),
    /// An Experience Composer render has a new status.
    Render(Box<Render>),
    /// Live captions have a new status.
    Captions(Box<Captions>),
    /// An event that this version does not know.
    Unknown(UnknownEvent),
}

/// The kinds of event that are told apart.
#[derive(Clone, Copy)]
enum Kind {
    ConnectionCreated,
    ConnectionDestroyed,
    StreamCreated,
    StreamDestroyed,
    SessionCreated,
    SessionDestroyed,
    Archive,
    Broadcast,
    SipCall,
    Render,
    Captions,
    Unknown,
}

impl Kind {
    fn of(body: &Map<String, Value>) -> Self {
        match body.get("event").and_then(Value::as_str) {
            Some("connectionCreated") => Self::ConnectionCreated,
            Some("connectionDestroyed") => Self::ConnectionDestroyed,
            Some("streamCreated") => Self::StreamCreated,
            Some("streamDestroyed") => Self::StreamDestroyed,
            Some("sessionCreated") => Self::SessionCreated,
            Some("sessionDestroyed") => Self::SessionDestroyed,
            Some("archive") => Self::Archive,
            Some("broadcast") => Self::Broadcast,
            Some("callCreated" | "callUpdated" | "callDestroyed" | "muteForced") => Self::SipCall,
            Some("render") => Self::Render,
            Some("captions") => Self::Captions,
            named => Self::by_shape(body, named.is_some()),
        }
    }

    /// The name of the event is missing, or not a documented one. How renders and captions name theirs is not
    /// documented, so these are known by their members either way.
    fn by_shape(body: &Map<String, Value>, named: bool) -> Self {
        let any = |names: &[&str]| names.iter().any(|name| body.contains_key(*name));
        let all = |names: &[&str]| names.iter().all(|name| body.contains_key(*name));
        if any(&["captionsId", "captionId"]) {
            return Self::Captions;
        }
        if named && body.get("call").is_some_and(Value::is_object) {
            return Self::SipCall;
        }
        if !all(&["id", "status"]) {
            return Self::Unknown;
        }
        let recorded = any(&["outputMode", "sha256sum", "size", "duration"]);
        let broadcast = any(&["broadcastUrls", "settings", "maxDuration"]);
        let render = !recorded && !broadcast && any(&["callbackUrl", "streamId"]);
        match named {
            _ if render => Self::Render,
            true => Self::Unknown,
            false if broadcast && !recorded => Self::Broadcast,
            false if !recorded && any(&["url"]) => Self::Render,
            false => Self::Archive,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ConnectionCreated => "connectionCreated",
            Self::ConnectionDestroyed => "connectionDestroyed",
            Self::StreamCreated => "streamCreated",
            Self::StreamDestroyed => "streamDestroyed",
            Self::SessionCreated => "sessionCreated",
            Self::SessionDestroyed => "sessionDestroyed",
            Self::Archive => "archive",
            Self::Broadcast => "broadcast",
            Self::SipCall => "SIP call",
            Self::Render => "render",
            Self::Captions => "captions",
            Self::Unknown => "unknown",
        }
    }

    fn read(self, body: Map<String, Value>) -> serde_json::Result<WebhookEvent> {
        fn from<T: DeserializeOwned>(body: Map<String, Value>) -> serde_json::Result<T> {
            serde_json::from_value(Value::Object(body))
        }
        Ok(match self {
            Self::ConnectionCreated => WebhookEvent::ConnectionCreated(from(body)?),
            Self::ConnectionDestroyed => WebhookEvent::ConnectionDestroyed(from(body)?),
            Self::StreamCreated => WebhookEvent::StreamCreated(from(body)?),
            Self::StreamDestroyed => WebhookEvent::StreamDestroyed(from(body)?),
            Self::SessionCreated => WebhookEvent::SessionCreated(from(body)?),
            Self::SessionDestroyed => WebhookEvent::SessionDestroyed(from(body)?),
            Self::Archive => WebhookEvent::Archive(from(body)?),
            Self::Broadcast => WebhookEvent::Broadcast(from(body)?),
            Self::SipCall => WebhookEvent::SipCall(from(body)?),
            Self::Render => WebhookEvent::Render(from(body)?),
            Self::Captions => WebhookEvent::Captions(from(body)?),
            Self::Unknown => WebhookEvent::Unknown(UnknownEvent::new(body)),
        })
    }
}

/// One form for what is written in two ways, sometimes in one body.
fn settle(body: &mut Map<String, Value>) {
    for (other, name) in [("maxBitRate", "maxBitrate"), ("captionId", "captionsId")] {
        if let Some(value) = body.remove(other) {
            body.entry(name).or_insert(value);
        }
    }
    if body.contains_key("captionsId") {
        // The model takes either for the id.
        body.remove("id");
    }
    // The connection of a stream stands inside it, or beside it.
    if let Some(Value::Object(stream)) = body.get("stream")
        && !stream.contains_key("connection")
        && let Some(connection) = body.remove("connection")
        && let Some(Value::Object(stream)) = body.get_mut("stream")
    {
        stream.insert("connection".into(), connection);
    }
}

impl WebhookEvent {
    /// Reads the body of a webhook. Whoever can reach your server can post one: where webhooks are signed, use a
    /// [`WebhookVerifier`].
    ///
    /// # Errors
    /// [`WebhookFault::Json`] if it is not a JSON object; [`WebhookFault::Event`] if it names a known event but
    /// is not one.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let refused = |fault| Error::refused(OpenTokError::Webhook(fault));
        // Through a map, as the service writes some members twice: the last one counts.
        let mut body: Map<String, Value> = serde_json::from_slice(without_bom(body))
            .map_err(|e| refused(WebhookFault::Json { line: e.line(), column: e.column() }))?;
        let kind = Kind::of(&body);
        if !matches!(kind, Kind::Unknown) {
            settle(&mut body);
        }
        kind.read(body).map_err(|error| {
            // Up to what serde quotes, which may be a secret.
            let problem = error.to_string().split('"').next().unwrap_or_default().trim_end().to_owned();
            refused(WebhookFault::Event { event: kind.name(), problem })
        })
    }

    /// The name of the event: the service's own, or `archive`, `broadcast`, `render`, `captions`. Empty for an
    /// unknown event without a name.
    #[must_use]
    pub fn event(&self) -> &str {
        match self {
            Self::ConnectionCreated(_) => Kind::ConnectionCreated.name(),
            Self::ConnectionDestroyed(_) => Kind::ConnectionDestroyed.name(),
            Self::StreamCreated(_) => Kind::StreamCreated.name(),
            Self::StreamDestroyed(_) => Kind::StreamDestroyed.name(),
            Self::SessionCreated(_) => Kind::SessionCreated.name(),
            Self::SessionDestroyed(_) => Kind::SessionDestroyed.name(),
            Self::Archive(_) => Kind::Archive.name(),
            Self::Broadcast(_) => Kind::Broadcast.name(),
            Self::SipCall(call) => call.change.as_str(),
            Self::Render(_) => Kind::Render.name(),
            Self::Captions(_) => Kind::Captions.name(),
            Self::Unknown(unknown) => &unknown.event,
        }
    }

    /// The session that it is about.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        match self {
            Self::ConnectionCreated(event) | Self::ConnectionDestroyed(event) => Some(&event.session_id),
            Self::StreamCreated(event) | Self::StreamDestroyed(event) => Some(&event.session_id),
            Self::SessionCreated(event) | Self::SessionDestroyed(event) => Some(&event.session_id),
            Self::SipCall(event) => Some(&event.session_id),
            Self::Archive(archive) => archive.session_id.as_deref(),
            Self::Broadcast(broadcast) => broadcast.session_id.as_deref(),
            Self::Render(render) => render.session_id.as_deref(),
            Self::Captions(captions) => captions.session_id.as_deref(),
            Self::Unknown(unknown) => unknown.body.get("sessionId")?.as_str(),
        }
    }
}

impl Serialize for WebhookEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let members = match self {
            Self::ConnectionCreated(event) | Self::ConnectionDestroyed(event) => serde_json::to_value(event),
            Self::StreamCreated(event) | Self::StreamDestroyed(event) => serde_json::to_value(event),
            Self::SessionCreated(event) | Self::SessionDestroyed(event) => serde_json::to_value(event),
            Self::SipCall(event) => serde_json::to_value(event),
            Self::Archive(archive) => serde_json::to_value(archive),
            Self::Broadcast(broadcast) => serde_json::to_value(broadcast),
            Self::Render(render) => serde_json::to_value(render),
            Self::Captions(captions) => serde_json::to_value(captions),
            Self::Unknown(unknown) => serde_json::to_value(unknown),
        }
        .map_err(S::Error::custom)?;
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("event", self.event())?;
        for (name, value) in members.as_object().into_iter().flatten().filter(|(name, _)| *name != "event") {
            out.serialize_entry(name, value)?;
        }
        out.end()
    }
}

/// Members that are secrets in the events that are known; they may be in others, too.
const SECRETS: &[&str] = &["url", "password", "secret", "token", "streamName"];

/// Writes an object, its secrets hidden.
fn guarded<S: Serializer>(
    members: &Map<String, Value>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(members.iter().map(|(name, value)| {
        let secret = value.as_str().filter(|_| SECRETS.contains(&name.as_str()));
        (name, secret.map_or(Shown::Open(Guarded(value)), |text| Shown::Hidden(Secret::from(text))))
    }))
}

struct Guarded<'a>(&'a Value);

impl Serialize for Guarded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => guarded(members, serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Guarded)),
            other => other.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Open(Guarded<'a>),
    Hidden(Secret),
}
