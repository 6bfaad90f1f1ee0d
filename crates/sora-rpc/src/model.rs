//! What the server tells about a connection.

use std::fmt;

use rtc_core::{DecodeError, Secret, string_enum};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::operation::Direction;

pub(crate) mod pattern;

/// What the server offers a connection: the message of type `offer` that answers `connect`, or a later one.
///
/// A member that is missing, or not of its type, is none, false or empty: nothing but the type of the message is
/// demanded. `Debug` shows neither `sdp` nor `metadata` nor `extra`.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Offer {
    /// The session description to answer; empty where there is none.
    pub sdp: String,
    /// The version of the server, such as `2025.2.0`.
    pub version: Option<String>,
    /// The channel.
    pub channel_id: Option<String>,
    /// The session: the time from the first connection to a channel to its last.
    pub session_id: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// The bundle: its connections do not receive from each other.
    pub bundle_id: Option<String>,
    /// The id of the connection.
    pub connection_id: Option<String>,
    /// The STUN and TURN servers to use.
    pub ice_servers: Vec<IceServer>,
    /// Which candidates may be used; none where the offer does not say, which is as good as all.
    pub ice_transport_policy: Option<IceTransportPolicy>,
    /// The data channels that the server opens.
    pub data_channels: Vec<OfferedChannel>,
    /// Whether these list `rpc`.
    pub rpc: bool,
    /// The methods that the server permits on this connection.
    pub rpc_methods: Vec<String>,
    /// Whether frames of the data channel `rpc` are compressed; none where the offer does not say, which changes
    /// nothing on a connection and means no on a new one.
    pub compress: Option<bool>,
    /// Whether video comes in several encodings.
    pub simulcast: Option<bool>,
    /// Whether only those who speak are received in full.
    pub spotlight: Option<bool>,
    /// Whether signaling goes over data channels once they are open.
    pub data_channel_signaling: Option<bool>,
    /// Whether the connection stays when the WebSocket is lost after that.
    pub ignore_disconnect_websocket: Option<bool>,
    /// What the auth webhook has for the client.
    pub metadata: Option<Value>,
    /// All other members as they came: `mid`, `encodings`, the settings of sound and pictures in force, and whatever
    /// this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
    /// Whether the message had the lists at all: a later offer may leave them out.
    #[serde(skip)]
    told: Told,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    config: bool,
    data_channels: bool,
    rpc_methods: bool,
}

// Two offers that say the same are equal, however they are written.
impl PartialEq for Told {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Told {}

/// A STUN or TURN server (W3C WebRTC, `RTCIceServer`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IceServer {
    /// The URLs: `stun:`, `turn:`, `turns:`.
    pub urls: Vec<String>,
    /// The user name; none of a STUN server.
    pub username: Option<String>,
    /// The password; none of a STUN server.
    pub credential: Option<Secret>,
}

/// Which candidates may be used (W3C WebRTC, `RTCIceTransportPolicy`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IceTransportPolicy {
    /// Any. On the wire `all`.
    All,
    /// Only relayed ones, by a TURN server. On the wire `relay`.
    Relay,
    /// A value that this version does not know, kept as it came.
    Other(String),
}
string_enum!(IceTransportPolicy { All = "all", Relay = "relay" });

/// A data channel that the server opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OfferedChannel {
    /// Its name: `signaling`, `notify`, `push`, `stats`, `rpc`, or one that starts with `#`.
    pub label: String,
    /// Which way messages go; none where the offer does not say, which is as good as both ways.
    pub direction: Option<Direction>,
    /// Whether messages are zlib streams; none where the offer does not say, which changes nothing on a connection and
    /// means no on a new one.
    pub compress: Option<bool>,
}

impl Offer {
    /// Reads a message of type `offer`. Methods that are not texts are skipped, as are data channels without a label
    /// and ICE servers without a URL.
    ///
    /// # Errors
    /// When it is not JSON, or of another type.
    pub fn parse(message: &[u8]) -> Result<Self, DecodeError> {
        match serde_json::from_slice(message).map_err(|e| DecodeError::json(&e))? {
            Value::Object(members) if members.get("type").and_then(Value::as_str) == Some("offer") => {
                Ok(Self::read(members))
            }
            _ => Err(DecodeError::new("the first message of the server is not an offer")),
        }
    }

    /// Reads the members of an offer or a later one.
    pub(crate) fn read(mut members: Map<String, Value>) -> Self {
        members.remove("type");
        let told = Told {
            config: members.get("config").is_some_and(Value::is_object),
            data_channels: members.get("data_channels").is_some_and(Value::is_array),
            rpc_methods: members.get("rpc_methods").is_some_and(Value::is_array),
        };
        let mut config = members.remove("config").unwrap_or_default();
        let data_channels: Vec<_> =
            list(members.remove("data_channels")).filter_map(OfferedChannel::read).collect();
        let rpc = data_channels.iter().find(|channel| channel.label == "rpc");
        let mut text = |name| take_text(&mut members, name);
        Self {
            sdp: text("sdp").unwrap_or_default(),
            version: text("version"),
            channel_id: text("channel_id"),
            session_id: text("session_id"),
            client_id: text("client_id"),
            bundle_id: text("bundle_id"),
            connection_id: text("connection_id"),
            ice_servers: list(config.get_mut("iceServers").map(Value::take))
                .filter_map(IceServer::read)
                .collect(),
            ice_transport_policy: config.get("iceTransportPolicy").and_then(Value::as_str).map(Into::into),
            rpc: rpc.is_some(),
            rpc_methods: list(members.remove("rpc_methods")).filter_map(into_text).collect(),
            compress: rpc.and_then(|channel| channel.compress),
            data_channels,
            simulcast: take_flag(&mut members, "simulcast"),
            spotlight: take_flag(&mut members, "spotlight"),
            data_channel_signaling: take_flag(&mut members, "data_channel_signaling"),
            ignore_disconnect_websocket: take_flag(&mut members, "ignore_disconnect_websocket"),
            metadata: members.remove("metadata"),
            extra: members,
            told,
        }
    }

    /// Fills in what this later offer leaves out from the one before it.
    pub(crate) fn inherit(&mut self, earlier: Self) {
        fn keep<T>(slot: &mut Option<T>, earlier: Option<T>) {
            if slot.is_none() {
                *slot = earlier;
            }
        }
        keep(&mut self.version, earlier.version);
        keep(&mut self.channel_id, earlier.channel_id);
        keep(&mut self.session_id, earlier.session_id);
        keep(&mut self.client_id, earlier.client_id);
        keep(&mut self.bundle_id, earlier.bundle_id);
        keep(&mut self.connection_id, earlier.connection_id);
        keep(&mut self.simulcast, earlier.simulcast);
        keep(&mut self.spotlight, earlier.spotlight);
        keep(&mut self.data_channel_signaling, earlier.data_channel_signaling);
        keep(&mut self.ignore_disconnect_websocket, earlier.ignore_disconnect_websocket);
        keep(&mut self.metadata, earlier.metadata);
        if !self.told.config {
            (self.ice_servers, self.ice_transport_policy) =
                (earlier.ice_servers, earlier.ice_transport_policy);
        }
        if !self.told.data_channels {
            (self.data_channels, self.rpc, self.compress) =
                (earlier.data_channels, earlier.rpc, earlier.compress);
        }
        if !self.told.rpc_methods {
            self.rpc_methods = earlier.rpc_methods;
        }
        for (name, value) in earlier.extra {
            self.extra.entry(name).or_insert(value);
        }
    }

    /// The largest message that the server takes over a data channel, in bytes: `a=max-message-size` of the session
    /// description, 65,536 where it has none (RFC 8841, section 6.1), none for any size.
    #[must_use]
    pub fn max_message_size(&self) -> Option<usize> {
        const UNTOLD: usize = 65_536;
        let line = self.sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=max-message-size:"));
        let size = line.and_then(|size| size.trim().parse().ok()).unwrap_or(UNTOLD);
        (size > 0).then_some(size)
    }
}

impl fmt::Debug for Offer {
    // The session description holds addresses and the password of ICE; the metadata are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("version", &self.version)
            .field("channel_id", &self.channel_id)
            .field("session_id", &self.session_id)
            .field("client_id", &self.client_id)
            .field("bundle_id", &self.bundle_id)
            .field("connection_id", &self.connection_id)
            .field("ice_servers", &self.ice_servers)
            .field("ice_transport_policy", &self.ice_transport_policy)
            .field("data_channels", &self.data_channels)
            .field("rpc_methods", &self.rpc_methods)
            .field("data_channel_signaling", &self.data_channel_signaling)
            .field("ignore_disconnect_websocket", &self.ignore_disconnect_websocket)
            .finish_non_exhaustive()
    }
}

impl IceServer {
    fn read(mut server: Value) -> Option<Self> {
        let urls: Vec<String> = match server.get_mut("urls").map(Value::take) {
            Some(Value::String(url)) => vec![url],
            urls => list(urls).filter_map(into_text).collect(),
        };
        let mut text = |name| server.get_mut(name).map(Value::take).and_then(into_text);
        let (username, credential) = (text("username"), text("credential").map(Secret::from));
        (!urls.is_empty()).then_some(Self { urls, username, credential })
    }
}

impl OfferedChannel {
    fn read(channel: Value) -> Option<Self> {
        let text = |name| channel.get(name).and_then(Value::as_str);
        Some(Self {
            label: text("label")?.to_owned(),
            direction: text("direction").map(Into::into),
            compress: channel.get("compress").and_then(Value::as_bool),
        })
    }
}

fn list(value: Option<Value>) -> impl Iterator<Item = Value> {
    let items = if let Some(Value::Array(items)) = value { items } else { Vec::new() };
    items.into_iter()
}

fn into_text(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    members.remove(name).and_then(into_text)
}

fn take_flag(members: &mut Map<String, Value>, name: &str) -> Option<bool> {
    members.remove(name)?.as_bool()
}
