//! What happens in a channel, as the server notifies its members.

use std::fmt;

use rtc_core::wire::{As, Items, Lenient, Same};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::operation::{Rid, Role};

/// A message of type `notify`. `Serialize` writes it as it came; `Debug` shows no metadata.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Notify {
    /// What happened.
    pub content: Notice,
    /// The whole message but its `type`.
    raw: Map<String, Value>,
}

/// What happened in a channel. Source: Sora documentation, signaling notify; the official JavaScript SDK's types.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody came: it may be yourself (`connection.created`).
    ConnectionCreated(Box<ConnectionNotice>),
    /// Sent every minute while a connection lasts (`connection.updated`).
    ConnectionUpdated(Box<ConnectionNotice>),
    /// Somebody has left (`connection.destroyed`).
    ConnectionDestroyed(Box<ConnectionNotice>),
    /// Somebody came into the focus (`spotlight.focused`).
    SpotlightFocused(SpotlightNotice),
    /// Somebody left the focus (`spotlight.unfocused`).
    SpotlightUnfocused(SpotlightNotice),
    /// The focus has changed (`spotlight.changed`).
    SpotlightChanged(SpotlightNotice),
    /// How the own network does (`network.status`).
    NetworkStatus(NetworkStatus),
    /// Another encoding of a video is received now (`simulcast.switched`).
    SimulcastSwitched(Box<SimulcastSwitched>),
    /// An event that this version does not know, or one that is not of the known form: see [`Notify::raw`].
    Other,
}

/// Somebody came, is there or has left.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConnectionNotice {
    /// The role of the connection.
    pub role: Option<Role>,
    /// The session.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub session_id: Option<String>,
    /// The client.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub client_id: Option<String>,
    /// The bundle.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub bundle_id: Option<String>,
    /// The connection.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub connection_id: Option<String>,
    /// Whether it has sound.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub audio: Option<bool>,
    /// Whether it has a picture.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub video: Option<bool>,
    /// How long it has lasted, in minutes.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub minutes: Option<u64>,
    /// How many connections the channel has.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub channel_connections: Option<u64>,
    /// How many of them send and receive.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub channel_sendrecv_connections: Option<u64>,
    /// How many of them only send.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub channel_sendonly_connections: Option<u64>,
    /// How many of them only receive.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub channel_recvonly_connections: Option<u64>,
    /// How its TURN server is reached, `udp` or `tcp`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub turn_transport_type: Option<String>,
    /// The metadata that it connected with.
    pub authn_metadata: Option<Value>,
    /// The metadata that the auth webhook answered.
    pub authz_metadata: Option<Value>,
    /// The metadata that it tells others.
    pub metadata: Option<Value>,
    /// The others in the channel; only of somebody who came.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub data: Vec<Member>,
    /// When it happened (RFC 3339, UTC).
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<String>,
}

impl fmt::Debug for ConnectionNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionNotice")
            .field("role", &self.role)
            .field("client_id", &self.client_id)
            .field("connection_id", &self.connection_id)
            .field("minutes", &self.minutes)
            .field("channel_connections", &self.channel_connections)
            .field("data", &self.data)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

/// Somebody in a channel.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Member {
    /// The client.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub client_id: Option<String>,
    /// The bundle.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub bundle_id: Option<String>,
    /// The connection.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub connection_id: Option<String>,
    /// The metadata that it connected with.
    pub authn_metadata: Option<Value>,
    /// The metadata that the auth webhook answered.
    pub authz_metadata: Option<Value>,
    /// The metadata that it tells others.
    pub metadata: Option<Value>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("client_id", &self.client_id)
            .field("connection_id", &self.connection_id)
            .finish_non_exhaustive()
    }
}

/// A change of the focus.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SpotlightNotice {
    /// The client.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub client_id: Option<String>,
    /// The connection.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub connection_id: Option<String>,
    /// The spotlight, of older servers.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub spotlight_id: Option<String>,
    /// Whether it has sound.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub audio: Option<bool>,
    /// Whether it has a picture.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub video: Option<bool>,
    /// Whether it stays in the focus whoever speaks.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub fixed: Option<bool>,
}

/// How the network of the connection does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NetworkStatus {
    /// From 0 (stable) to 3 (very unstable).
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub unstable_level: Option<u64>,
}

/// Another encoding of a video is received.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SimulcastSwitched {
    /// When (RFC 3339, UTC).
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<String>,
    /// Whose video; none for all.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub sender_connection_id: Option<String>,
    /// Whether the new encoding is `higher` or `lower`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub priority: Option<String>,
    /// Who caused it, `sender` or `receiver`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub trigger: Option<String>,
    /// The encodings that RPC may ask for.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub rpc_rids: Vec<Rid>,
    /// The encodings that the server chooses from by itself.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub auto_rids: Vec<Rid>,
    /// The encoding that was asked for.
    pub request_rid: Option<Rid>,
    /// The encoding that is received now.
    pub current_rid: Option<Rid>,
    /// The encoding that was received before.
    pub previous_rid: Option<Rid>,
}

impl Notify {
    pub(super) fn read(mut raw: Map<String, Value>) -> Self {
        raw.remove("type");
        let whole = Value::Object(raw);
        let content = Notice::read(&whole).unwrap_or(Notice::Other);
        let raw = if let Value::Object(raw) = whole { raw } else { Map::new() };
        Self { content, raw }
    }

    /// The name of the event, such as `connection.created`; empty where the message has none.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.raw.get("event_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The message as it came, without its `type`.
    #[must_use]
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }
}

impl Notice {
    fn read(message: &Value) -> Option<Self> {
        Some(match message.get("event_type")?.as_str()? {
            "connection.created" => Self::ConnectionCreated(read(message)?),
            "connection.updated" => Self::ConnectionUpdated(read(message)?),
            "connection.destroyed" => Self::ConnectionDestroyed(read(message)?),
            "spotlight.focused" => Self::SpotlightFocused(read(message)?),
            "spotlight.unfocused" => Self::SpotlightUnfocused(read(message)?),
            "spotlight.changed" => Self::SpotlightChanged(read(message)?),
            "network.status" => Self::NetworkStatus(read(message)?),
            "simulcast.switched" => Self::SimulcastSwitched(read(message)?),
            _ => return None,
        })
    }
}

fn read<T: DeserializeOwned>(message: &Value) -> Option<T> {
    T::deserialize(message).ok()
}

impl Serialize for Notify {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            // The name tells at least what it is.
            Notice::Other => {
                f.debug_struct("Notify").field("event_type", &self.event_type()).finish_non_exhaustive()
            }
            _ => f.debug_tuple("Notify").field(&self.content).finish(),
        }
    }
}
